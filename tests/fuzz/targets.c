/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a targets file: refused with one sentence, or everything in it is
 * bounded, clean and can be matched. */
#include <stdlib.h>
#include <string.h>

#include "parsers/targets.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *reserved(size_t i)
{
	return i == 0 ? "pid" : NULL;
}

static void check_text(const struct targets *targets, const char *s, size_t max)
{
	CHECK(s >= targets->text && s < targets->text + sizeof(targets->text));
	CHECK(strlen(s) > 0 && strlen(s) <= 4 * max);
	for (; *s; s++)
		CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct targets targets;
	static const struct process process = {
		.comm = "python3", .exe = "/usr/bin/python3.11", .cmdline = "python3 nightly.py"};
	struct slice file = {(const char *)data, size};
	char message[400];

	memset(message, '#', sizeof(message));
	if (targets_load(&targets, "targets.yml", file, reserved, message, sizeof(message))) {
		size_t n = strnlen(message, sizeof(message));

		CHECK(n && n < sizeof(message));
		for (size_t i = 0; i < n; i++)
			CHECK((unsigned char)message[i] >= ' ');
		return 0;
	}
	CHECK(targets.n <= TARGETS_MAX && targets.n_rules <= TARGETS_RULES_MAX);
	for (size_t i = 0; i < targets.n; i++) {
		const struct target *target = &targets.target[i];

		check_text(&targets, target->id, TARGET_ID_MAX);
		CHECK(target->n_rules && target->n_labels <= TARGET_LABELS_MAX);
		CHECK(target->first_rule + target->n_rules <= targets.n_rules);
		CHECK(!target->labels == !target->n_labels);
		for (size_t k = 0; k < target->n_labels; k++) {
			check_text(&targets, target->label[k].name, LABEL_NAME_MAX);
			check_text(&targets, target->label[k].value, LABEL_VALUE_MAX);
			CHECK(strcmp(target->label[k].name, "pid") != 0);
		}
	}
	for (size_t i = 0; i < targets.n_rules; i++)
		check_text(&targets, targets.rule[i].value, TARGET_VALUE_MAX);
	targets_match(&targets, "python3", &process);
	targets_match(&targets, "x", NULL);
	return 0;
}
