/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(int gate, char *const argv[], bool stdout_to_stderr)
{
	sigset_t none;
	char go;

	if (read(gate, &go, 1) != 1)
		_exit(127); /* we were abandoned */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (stdout_to_stderr && fcntl(2, F_GETFD) < 0)
		dup2(open("/dev/null", O_WRONLY), 1);
	else if (stdout_to_stderr)
		dup2(2, 1);
	execvp(argv[0], argv);
	dprintf(2, "s3slower: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int command_new(struct command *command, char *const argv[], bool stdout_to_stderr)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	command->pid = fork();
	if (command->pid == 0) {
		close(pipes[1]);
		become(pipes[0], argv, stdout_to_stderr);
	}
	close(pipes[0]);
	if (command->pid < 0) {
		close(pipes[1]);
		return -errno;
	}
	command->gate = pipes[1];
	return 0;
}

int command_start(struct command *command)
{
	int err = write(command->gate, "", 1) == 1 ? 0 : -EPIPE;

	close(command->gate);
	command->gate = -1;
	return err;
}

void command_abandon(struct command *command)
{
	close(command->gate);
	command->gate = -1;
	waitpid(command->pid, NULL, 0);
}

int command_status(struct command *command)
{
	int status;
	pid_t pid = waitpid(command->pid, &status, WNOHANG);

	if (pid == 0)
		return -EAGAIN;
	if (pid < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
