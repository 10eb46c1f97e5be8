/* SPDX-License-Identifier: Apache-2.0 */
#include "btf.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/btf.h>
#include <unistd.h>

#include "linked.h"

#define PROTOTYPE 1 /* numbers of the types below: void f(void) */
#define FUNCTION 2

int btf_load(void)
{
	static const struct {
		struct btf_header header;
		struct btf_type type[2];
		char names[3];
	} blob = {
		.header = {.magic = BTF_MAGIC,
			   .version = BTF_VERSION,
			   .hdr_len = sizeof(struct btf_header),
			   .type_len = sizeof(blob.type),
			   .str_off = sizeof(blob.type),
			   .str_len = sizeof(blob.names)},
		.type = {{.info = BTF_KIND_FUNC_PROTO << 24},
			 {.name_off = 1,
			  .info = BTF_KIND_FUNC << 24 | BTF_FUNC_STATIC,
			  .type = PROTOTYPE}},
		.names = "\0f",
	};
	int fd = bpf_btf_load(&blob, sizeof(blob.header) + sizeof(blob.type) + sizeof(blob.names),
			      NULL);

	return fd < 0 ? -errno : fd;
}

void btf_functions(const struct linked *linked, struct btf_function *to)
{
	for (size_t i = 0; i < linked->n_functions; i++)
		to[i] = (struct btf_function){linked->function[i], FUNCTION};
}

bool btf_repeats(int btf)
{
	enum { BEGIN, SECOND = 8 };
	/* bpf_loop(1, function, NULL, 0); return 0; - and the function returns 0, too */
	static struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 1},
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_PSEUDO_FUNC,
		 .imm = SECOND - 2},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4},
		{.code = BPF_JMP | BPF_CALL, .imm = LINKED_REPEAT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct btf_function function[] = {{BEGIN, FUNCTION}, {SECOND, FUNCTION}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_btf_fd = (uint32_t)btf, .func_info = function,
		    .func_info_cnt = 2, .func_info_rec_size = sizeof(function[0]));
	int fd = btf < 0 ? btf
			 : bpf_prog_load(BPF_PROG_TYPE_KPROBE, "s3slower_try", "GPL", code,
					 sizeof(code) / sizeof(code[0]), &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
