/* SPDX-License-Identifier: Apache-2.0 */
#include "command_line.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "nearest.h"

/* What getopt_long() returns for a row: beyond any letter. */
#define CODE_OF_ROW(i) (UINT8_MAX + 1 + (int)(i))
#define ROW_OF_CODE(code) (&setting_table[(code)-UINT8_MAX - 1])
#define IS_ROW(code) ((code) > UINT8_MAX)
#define CODE_POSITIONAL 1

#define NAME_SIZE 40

/* A walk through argv, and how each row was given so far: "" if it was not. */
struct command_line {
	struct reader *reader;
	char name[SETTING_ROWS_MAX][NAME_SIZE];
};

static const char *flag_name(size_t i)
{
	for (const struct setting *row = setting_table; row->help; row++)
		if (row->flag && i-- == 0)
			return row->flag;
	return NULL;
}

static const struct setting *row_of(int code)
{
	if (IS_ROW(code))
		return ROW_OF_CODE(code);
	for (const struct setting *row = setting_table; row->help; row++)
		if (code == CODE_POSITIONAL ? row->kind && !row->flag : row->letter == code)
			return row;
	return NULL;
}

/* Another row that was given and sets the same field, or NULL. */
static const struct setting *rival_of(const struct command_line *line, const struct setting *row)
{
	for (const struct setting *r = setting_table; r->help; r++)
		if (r != row && r->kind && r->offset == row->offset &&
		    *line->name[r - setting_table])
			return r;
	return NULL;
}

/* Two different rows for one field must agree; the same row twice may not: the
 * last one counts, as people expect of an alias. Lists add up, also those of
 * two rows, from nothing: what the environment said is replaced. So do modes. */
static int read_value(struct command_line *line, const struct setting *row, const char *value)
{
	struct reader *reader = line->reader;
	const struct setting *rival = rival_of(line, row);
	void *field = setting_field(row, reader->settings);
	char *name = line->name[row - setting_table], before[sizeof(uint64_t)];
	unsigned modes = *name && row->kind == &kind_modes ? *(unsigned *)field : 0;
	int error;

	if (row->kind == &kind_list) {
		if (!rival && !*name)
			((struct settings_list *)field)->n = 0;
		rival = NULL;
	}
	if (rival)
		memcpy(before, field, row->kind->size);
	snprintf(name, NAME_SIZE, "%s%s", row->flag ? "--" : "",
		 row->flag ? row->flag : row->argument);
	reader->name = name;
	error = setting_read(reader, row, value);
	if (error)
		return error;
	if (row->kind == &kind_modes)
		*(unsigned *)field |= modes;
	if (rival && memcmp(before, field, row->kind->size) != 0)
		return setting_complain(reader,
					"%s and %s contradict each other: give only one of them.",
					line->name[rival - setting_table], name);
	return 0;
}

/* Says what is wrong with a flag that getopt_long() does not take; code is what
 * it knows about it: a letter, a row that takes no value, or 0. */
static int bad_flag(struct reader *reader, const char *typed, int code)
{
	const char *word = strncmp(typed, "--", 2) == 0 ? typed + 2 : typed;
	size_t length = strcspn(word, "="), n = 0, used = 0;
	char name[64], near[200], fits[200] = "";

	if (IS_ROW(code))
		return setting_complain(reader, "--%s takes no value: leave out '%.60s'.",
					ROW_OF_CODE(code)->flag, word + length);
	if (code > ' ' && code < 0x7f)
		return setting_complain(reader, "There is no flag -%c: see s3slower --help.", code);
	if (code)
		return setting_complain(reader,
					"A flag's letter is not of ASCII: see s3slower --help.");
	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	for (size_t i = 0; flag_name(i); i++)
		if (strncmp(flag_name(i), word, length) == 0 && used < sizeof(fits))
			used += (size_t)snprintf(fits + used, sizeof(fits) - used, "%s--%s",
						 n++ ? ", " : "", flag_name(i));
	if (n > 1 && used < sizeof(fits))
		return setting_complain(reader, "--%s can mean %s: write it in full.", name, fits);
	nearest_suggest(name, flag_name, "--", near, sizeof(near));
	return setting_complain(reader, "There is no flag --%s%s", name,
				*near ? near : ": see s3slower --help.");
}

static int bad_positional(struct reader *reader, const char *typed, bool again)
{
	if (again)
		return setting_complain(reader,
					"'%.60s' is one value too many: s3slower takes one number "
					"of milliseconds, and a command only after --.",
					typed);
	return setting_complain(reader,
				"'%.60s' is not a number of milliseconds; if it is a command, it "
				"belongs after --.",
				typed);
}

/* What the first word can be instead of a number. */
static const struct {
	const char *name;
	size_t offset; /* of its switch in struct settings */
} words[] = {
	{"run", offsetof(struct settings, run)},
	{"attach", offsetof(struct settings, attach)},
	{"doctor", offsetof(struct settings, doctor)},
	{"help", offsetof(struct settings, help)},
	{"version", offsetof(struct settings, version)},
};

static bool is_word(struct settings *settings, const char *typed)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, typed) == 0) {
			*(bool *)((char *)settings + words[i].offset) = true;
			return true;
		}
	}
	return false;
}

/* One flag, as getopt_long() found it in argv. */
static int read_flag(struct command_line *line, int code, char *const argv[])
{
	struct reader *reader = line->reader;
	const char *typed = argv[optind - 1];
	const struct setting *row;

	if (code == '?')
		return bad_flag(reader, typed, optopt);
	row = row_of(code == ':' ? optopt : code);
	if (code == ':')
		return setting_complain(reader, "--%s needs %s after it.", row->flag, row->wants);
	if (code == CODE_POSITIONAL && optind == 2 && is_word(reader->settings, optarg))
		return 0;
	if (code == CODE_POSITIONAL) {
		bool again = *line->name[row - setting_table];
		if (again || !strchr("0123456789.", *optarg))
			return bad_positional(reader, optarg, again);
	} else if (row->argument && optarg == typed && strncmp(typed, "--", 2) == 0) {
		/* "--bucket --json" is a forgotten value far more often than a name. */
		return setting_complain(reader,
					"--%s needs %s after it: write --%s=%.60s if '%.60s' is "
					"what you mean.",
					row->flag, row->wants, row->flag, typed, typed);
	}
	/* A number that stands alone behind such a flag is its own. */
	if (row->argument && row->value && !optarg && argv[optind] && argv[optind][0] >= '0' &&
	    argv[optind][0] <= '9')
		optarg = argv[optind++];
	return read_value(line, row,
			  row->argument && optarg ? optarg
			  : row->value		  ? row->value
						  : "yes");
}

/* getopt_long()'s tables, from ours. */
static void make_options(struct option *option, char *letter)
{
	/* '-': values and flags in the order they come; ':' for a missing value. */
	*letter++ = '-';
	*letter++ = ':';
	for (const struct setting *row = setting_table; row->help; row++) {
		if (!row->flag)
			continue;
		*option++ = (struct option){
			.name = row->flag,
			.has_arg = !row->argument ? no_argument
				   : row->value	  ? optional_argument
						  : required_argument,
			.val = CODE_OF_ROW(row - setting_table),
		};
		if (row->letter)
			*letter++ = row->letter;
		if (row->letter && row->argument)
			*letter++ = ':';
	}
	*option = (struct option){0};
	*letter = '\0';
}

/* What was given that doctor does not take. */
static int check_doctor(const struct command_line *line)
{
	for (const struct setting *row = setting_table; row->help; row++)
		if (row->kind && !row->doctor && *line->name[row - setting_table])
			return setting_complain(line->reader,
						"doctor does not trace: leave %s out.",
						line->name[row - setting_table]);
	return 0;
}

int command_line_read(struct reader *reader, int argc, char *const argv[])
{
	struct option options[SETTING_ROWS_MAX + 1];
	char letters[2 + 2 * SETTING_ROWS_MAX + 1];
	struct command_line line = {.reader = reader};
	int opterr_before = opterr, code, error = 0, end;

	make_options(options, letters);
	opterr = 0;
	optind = 0; /* makes getopt start afresh, also when it stopped within "-xZ" */
	while (!error && (code = getopt_long(argc, argv, letters, options, NULL)) != -1)
		error = read_flag(&line, code, argv);
	end = optind;
	opterr = opterr_before;
	optind = 1;
	if (!error && reader->settings->doctor)
		error = check_doctor(&line);

	if (error || end < 2 || strcmp(argv[end - 1], "--") != 0)
		return error;
	if (end == argc)
		return setting_complain(reader, "A command is missing after --.");
	reader->settings->command = argv + end;
	return 0;
}
