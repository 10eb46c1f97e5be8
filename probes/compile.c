/* SPDX-License-Identifier: Apache-2.0 */
#include "compile.h"

#include <bcc/bcc_common.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow.h"
#include "headers.h"

/* The functions of libbcc that are used, found at run time. */
#define LIBBCC(X)                                                                                  \
	X(bpf_module_create_c_from_string)                                                         \
	X(bpf_num_functions)                                                                       \
	X(bpf_function_name)                                                                       \
	X(bpf_function_start_id)                                                                   \
	X(bpf_function_size_id)                                                                    \
	X(bpf_num_tables)                                                                          \
	X(bpf_table_name)                                                                          \
	X(bpf_table_fd_id)                                                                         \
	X(bpf_table_type_id)                                                                       \
	X(bpf_table_key_size_id)                                                                   \
	X(bpf_table_leaf_size_id)                                                                  \
	X(bpf_table_max_entries_id)                                                                \
	X(bpf_table_flags_id)

#define X(name) __typeof__(name) *name;
struct libbcc {
	void *handle;
	LIBBCC(X)
};
#undef X

#define LIBBCC_NAME "libbcc.so.0"

const char *compile_library(void)
{
	static const char *const paths[] = {
		"/usr/local/lib/" LIBBCC_NAME,
		"/usr/lib/x86_64-linux-gnu/" LIBBCC_NAME,
		"/usr/lib/aarch64-linux-gnu/" LIBBCC_NAME,
		"/usr/lib64/" LIBBCC_NAME,
		"/usr/lib/" LIBBCC_NAME,
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	return NULL;
}

static int libbcc_open(struct libbcc *b)
{
	b->handle = dlopen(LIBBCC_NAME, RTLD_NOW | RTLD_GLOBAL);
	if (!b->handle) {
		dprintf(2, "%s\n", dlerror());
		return -ENOPKG;
	}
#define X(name)                                                                                    \
	b->name = (__typeof__(b->name))dlsym(b->handle, #name);                                    \
	if (!b->name)                                                                              \
		return -ENOPKG;
	LIBBCC(X)
#undef X
	return 0;
}

/* Instructions name maps by the child's descriptors: turn them into indexes. */
static int number_maps(struct bpf_insn *insn, size_t n, const int *fds, uint32_t n_maps)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (insn[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn[i].src_reg == BPF_PSEUDO_MAP_FD) {
			uint32_t m = 0;

			while (m < n_maps && fds[m] != insn[i].imm)
				m++;
			if (m == n_maps)
				return -EBADMSG;
			insn[i].imm = (int32_t)m;
		}
		i++; /* the second half of a wide instruction */
	}
	return 0;
}

/* Adds program number i of the module. */
static int take_program(const struct libbcc *b, void *module, size_t i, struct object *object,
			const int *fds)
{
	struct object_program *p = &object->program[i];
	struct bpf_insn *mended;
	size_t n = flow_mend((const struct bpf_insn *)b->bpf_function_start_id(module, i),
			     b->bpf_function_size_id(module, i) / sizeof(*mended), &mended);
	char *code = n ? realloc(object->code, object->code_size + n * sizeof(*mended)) : NULL;
	int err;

	if (!code) {
		if (n)
			free(mended);
		return -ENOMEM;
	}
	object->code = code;
	snprintf(p->name, sizeof(p->name), "%s", b->bpf_function_name(module, i));
	p->size = (uint32_t)(n * sizeof(*mended));
	p->offset = object->code_size;
	object->code_size += p->size;
	err = number_maps(mended, n, fds, object->n_maps);
	memcpy(object->code + p->offset, mended, p->size);
	free(mended);
	return err;
}

static int take_object(const struct libbcc *b, void *module, struct object *object)
{
	size_t n_maps = b->bpf_num_tables(module), n_programs = b->bpf_num_functions(module);
	int fds[OBJECT_MAPS];

	memset(object, 0, sizeof(*object));
	if (n_maps > OBJECT_MAPS || n_programs > OBJECT_PROGRAMS)
		return -E2BIG;
	object->n_maps = (uint32_t)n_maps;
	object->n_programs = (uint32_t)n_programs;
	for (size_t i = 0; i < n_maps; i++) {
		struct object_map *m = &object->map[i];

		snprintf(m->name, sizeof(m->name), "%s", b->bpf_table_name(module, i));
		m->type = (uint32_t)b->bpf_table_type_id(module, i);
		m->key_size = (uint32_t)b->bpf_table_key_size_id(module, i);
		m->value_size = (uint32_t)b->bpf_table_leaf_size_id(module, i);
		m->max_entries = (uint32_t)b->bpf_table_max_entries_id(module, i);
		m->flags = (uint32_t)b->bpf_table_flags_id(module, i);
		fds[i] = b->bpf_table_fd_id(module, i);
	}
	for (size_t i = 0; i < n_programs; i++) {
		int err = take_program(b, module, i, object, fds);

		if (err)
			return err;
	}
	return 0;
}

/* What the fork sends first; the object follows when err is 0. */
struct verdict {
	int32_t err;
};

/* libbcc reads the kernel's whole symbol table once a module, a quarter of the time
 * until tracing begins, for answers that the text never asks: in a mount namespace
 * of its own the fork sees an empty one. Where that is not allowed it reads. */
static void hide_symbols(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return;
	mount("/dev/null", "/proc/kallsyms", NULL, MS_BIND, NULL);
}

/* The text without comments and indentation, but with all its lines: for each method of a
 * map that it calls, libbcc goes there one character after the other. */
static char *bare(const char *text)
{
	char *copy = malloc(strlen(text) + 1), *to = copy;
	const char *end;

	while (copy && *text) {
		end = strncmp(text, "/*", 2) == 0 ? strstr(text, "*/") : NULL;
		if (end) {
			for (; text < end + 2; text++)
				if (*text == '\n')
					*to++ = '\n';
		} else {
			if (*text != '\t' || (to > copy && to[-1] != '\n'))
				*to++ = *text;
			text++;
		}
	}
	if (copy)
		*to = '\0';
	return copy;
}

/* What is compiled, and where the results go. */
struct job {
	const char *text, *dir;
	const char *const *flags;
	size_t n_flags, n_parts; /* one part: all of it */
	const char *const *parts;
	int out[COMPILE_PARTS];
};

static int compile_part(const struct libbcc *bcc, const struct job *job, size_t part)
{
	const char *all[COMPILE_FLAGS_MAX + 1];
	struct verdict verdict = {bcc->handle ? 0 : -ENOPKG};
	size_t n = job->n_flags;
	struct object object;
	void *module;

	for (size_t i = 0; i < n; i++)
		all[i] = job->flags[i];
	if (job->n_parts > 1)
		all[n++] = job->parts[part];
	if (!verdict.err) {
		module =
			bcc->bpf_module_create_c_from_string(job->text, 0, all, (int)n, true, NULL);
		verdict.err = module ? take_object(bcc, module, &object) : -EINVAL;
	}
	if (object_write_all(job->out[part], &verdict, sizeof(verdict)) || verdict.err)
		return 1;
	return object_write(&object, job->out[part]) ? 1 : 0;
}

/* The compiler is loaded once, and shared by a fork for each further part. */
static int child(struct job *job)
{
	struct libbcc bcc = {0};
	char *text = bare(job->text);
	int status, err;

	if (text)
		job->text = text;
	hide_symbols();
	setenv("BCC_KERNEL_SOURCE", job->dir, 1);
	if (libbcc_open(&bcc))
		bcc.handle = NULL;
	for (size_t i = 1; i < job->n_parts; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (size_t k = 0; k < job->n_parts; k++)
				if (k != i)
					close(job->out[k]);
			_exit(compile_part(&bcc, job, i));
		}
		close(job->out[i]);
	}
	err = compile_part(&bcc, job, 0);
	close(job->out[0]);
	while (wait(&status) > 0 || errno == EINTR)
		;
	return err;
}

/* The first line of the compiler's output that says "error:", else the first. */
static void first_error(int fd, char *message, size_t size)
{
	char log[16384];
	ssize_t n;
	char *line;

	lseek(fd, 0, SEEK_SET);
	n = read(fd, log, sizeof(log) - 1);
	if (n <= 0) {
		snprintf(message, size, "libbcc could not compile the programs");
		return;
	}
	log[n] = '\0';
	line = strstr(log, "error:");
	while (line && line > log && line[-1] != '\n')
		line--;
	if (!line)
		line = log;
	line[strcspn(line, "\n")] = '\0';
	snprintf(message, size, "libbcc could not compile the programs: %s", line);
}

/* A descriptor for the compiler's chatter that needs no name in any directory. */
static int scratch_file(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int receive(int fd, struct object *object)
{
	struct verdict verdict;

	if (object_read_all(fd, &verdict, sizeof(verdict)))
		return -EINVAL; /* the fork died: its last words are in the log */
	return verdict.err ? verdict.err : object_read(object, fd);
}

/* The first part is the object, the others are added to it. */
static int receive_all(const int *fds, size_t n, struct object *object)
{
	int err = receive(fds[0], object);

	for (size_t i = 1; i < n && !err; i++) {
		struct object more = {0};

		err = receive(fds[i], &more);
		if (!err)
			err = object_join(object, &more);
		object_free(&more);
		if (err)
			object_free(object);
	}
	return err;
}

/* Signals that would end us before the directory is removed; of the fork they are none. */
static void hold_back(int how, sigset_t *before)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(how, &ends, before);
}

/* Runs the fork. 0 or -errno, as compile(). */
static int run(struct job *job, int log, struct object *object)
{
	int in[COMPILE_PARTS], pipes[2], status, err = 0;
	size_t opened = 0;
	pid_t pid = -1;

	for (; opened < job->n_parts && !err; opened += !err) {
		err = pipe2(pipes, O_CLOEXEC) ? -errno : 0;
		if (!err) {
			in[opened] = pipes[0];
			job->out[opened] = pipes[1];
		}
	}
	if (!err) {
		pid = fork();
		err = pid < 0 ? -errno : 0;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hold_back(SIG_UNBLOCK, NULL);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(log, 1);
		dup2(log, 2);
		_exit(child(job));
	}
	for (size_t i = 0; i < opened; i++)
		close(job->out[i]);
	if (!err) {
		err = receive_all(in, opened, object);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	for (size_t i = 0; i < opened; i++)
		close(in[i]);
	return err;
}

int compile(const char *text, const char *const *flags, size_t n_flags,
	    const char *const parts[COMPILE_PARTS], struct object *object, char *message,
	    size_t size)
{
	struct job job = {.text = text, .flags = flags, .n_flags = n_flags, .parts = parts};
	sigset_t before;
	char dir[256];
	int log, err;

	message[0] = '\0';
	if (n_flags > COMPILE_FLAGS_MAX)
		return -E2BIG;
	hold_back(SIG_BLOCK, &before);
	err = headers_write(dir, sizeof(dir));
	if (err) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		snprintf(message, size, "cannot write to the temporary directory: %s; set TMPDIR",
			 strerror(-err));
		return err;
	}
	log = scratch_file(dir);
	job.dir = dir;
	job.n_parts = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? COMPILE_PARTS : 1;
	err = run(&job, log, object);
	if (err == -ENOPKG && !compile_library())
		snprintf(message, size,
			 "libbcc.so.0 cannot be loaded; install it (Debian: apt-get "
			 "install libbpfcc)");
	else if (err == -EINVAL || err == -ENOPKG)
		first_error(log, message, size);
	if (err && !message[0])
		snprintf(message, size, "compiling the programs failed: %s", strerror(-err));
	close(log);
	headers_remove(dir);
	/* One that came meanwhile is delivered now. */
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}
