/* SPDX-License-Identifier: Apache-2.0 */
#include "setting.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "extra.h"
#include "grouping.h"
#include "nearest.h"
#include "s3.h"
#include "why.h"

/* The message may quote what was typed: no control character of it gets through. */
int setting_complain(struct reader *reader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->message, reader->size, format, args);
	va_end(args);
	for (char *c = reader->message; reader->size && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EINVAL;
}

/* --- values of each kind -------------------------------------------------- */

static int misfit(struct reader *reader, const struct setting *setting, const char *text)
{
	char near[200] = "";

	if (setting->word)
		nearest_suggest(text, setting->word, "", near, sizeof(near));
	return setting_complain(reader, "%s needs %s, not '%.60s'%s", reader->name, setting->wants,
				text, *near ? near : ".");
}

static int out_of_range(struct reader *reader, const struct setting *setting, const char *text)
{
	return setting_complain(reader, "%s needs %s from %.0f to %.0f, not '%.60s'.", reader->name,
				setting->wants, setting->min, setting->max, text);
}

/* Digits only: no sign, no blanks, no overflow. */
static bool whole(const char *text, uint64_t *out)
{
	char *end;

	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0;
}

static int read_number(struct reader *reader, const struct setting *setting, const char *text,
		       void *field)
{
	char *end;
	double value;

	/* strtod() alone would take "nan", "inf", "0x10" and "1e9". */
	if (!*text || text[strspn(text, "0123456789.")])
		return out_of_range(reader, setting, text);
	value = strtod(text, &end);
	if (end == text || *end || !isfinite(value) || value < setting->min || value > setting->max)
		return out_of_range(reader, setting, text);
	*(double *)field = value;
	return 0;
}

static int read_count(struct reader *reader, const struct setting *setting, const char *text,
		      void *field)
{
	uint64_t value;

	if (!whole(text, &value) || (double)value < setting->min || (double)value > setting->max)
		return out_of_range(reader, setting, text);
	*(uint64_t *)field = value;
	return 0;
}

static int read_power(struct reader *reader, const struct setting *setting, const char *text,
		      void *field)
{
	uint64_t value = 0;
	int error = read_count(reader, setting, text, &value);

	if (error)
		return error;
	if (value & (value - 1))
		return out_of_range(reader, setting, text);
	*(uint64_t *)field = value;
	return 0;
}

static const struct {
	const char *name;
	uint64_t factor;
} suffixes[] = {
	{"", 1},
	{"B", 1},
	{"k", 1000},
	{"KB", 1000},
	{"KiB", 1ull << 10},
	{"M", 1000000},
	{"MB", 1000000},
	{"MiB", 1ull << 20},
	{"G", 1000000000},
	{"GB", 1000000000},
	{"GiB", 1ull << 30},
	{"T", 1000000000000},
	{"TB", 1000000000000},
	{"TiB", 1ull << 40},
};

static int read_size(struct reader *reader, const struct setting *setting, const char *text,
		     void *field)
{
	char digits[24];
	size_t n = strspn(text, "0123456789");
	uint64_t value;

	if (n >= sizeof(digits))
		return misfit(reader, setting, text);
	memcpy(digits, text, n);
	digits[n] = '\0';
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcasecmp(text + n, suffixes[i].name) != 0)
			continue;
		if (!whole(digits, &value) ||
		    __builtin_mul_overflow(value, suffixes[i].factor, &value) || value > INT64_MAX)
			break;
		*(uint64_t *)field = value;
		return 0;
	}
	return misfit(reader, setting, text);
}

static int read_switch(struct reader *reader, const struct setting *setting, const char *text,
		       void *field)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"yes", true}, {"1", true},  {"true", true},   {"on", true},
		     {"no", false}, {"0", false}, {"false", false}, {"off", false}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			*(bool *)field = words[i].value;
			return 0;
		}
	}
	(void)setting;
	return setting_complain(reader, "%s needs yes or no, not '%.60s'.", reader->name, text);
}

static int read_text(struct reader *reader, const struct setting *setting, const char *text,
		     void *field)
{
	if (!*text)
		return setting_complain(reader, "%s needs %s, not an empty text.", reader->name,
					setting->wants);
	*(const char **)field = text;
	return 0;
}

/* A whole path, so that it is the same one wherever we are started; or none at all. */
static int read_directory(struct reader *reader, const struct setting *setting, const char *text,
			  void *field)
{
	if (*text && *text != '/' && strcmp(text, "none") != 0)
		return misfit(reader, setting, text);
	return read_text(reader, setting, text, field);
}

static int read_choice(struct reader *reader, const struct setting *setting, const char *text,
		       void *field)
{
	for (const char *const *word = setting->words; *word; word++) {
		if (strcasecmp(text, *word) == 0) {
			*(const char **)field = *word;
			return 0;
		}
	}
	return misfit(reader, setting, text);
}

static const struct {
	const char *name;
	unsigned bits;
} modes[] = {{"auto", MODE_AUTO}, {"openssl", MODE_OPENSSL}, {"gnutls", MODE_GNUTLS},
	     {"nss", MODE_NSS},	  {"s2n", MODE_S2N},	     {"gotls", MODE_GOTLS},
	     {"http", MODE_HTTP}};

unsigned settings_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].bits;
	return 0;
}

static int read_modes(struct reader *reader, const struct setting *setting, const char *text,
		      void *field)
{
	unsigned bits = 0;

	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ","), i = 0;
		while (i < sizeof(modes) / sizeof(modes[0]) &&
		       !slice_is_nocase((struct slice){p, n},
					(struct slice){modes[i].name, strlen(modes[i].name)}))
			i++;
		if (i == sizeof(modes) / sizeof(modes[0]))
			return misfit(reader, setting, text);
		bits |= modes[i].bits;
		p += n;
		if (!*p)
			break;
	}
	*(unsigned *)field = bits;
	return 0;
}

/* Cuts text at its commas ("\," is a comma of the item) and appends the items. */
static int read_list(struct reader *reader, const struct setting *setting, const char *text,
		     void *field)
{
	struct settings *settings = reader->settings;
	struct settings_list *list = field;

	for (const char *p = text;; p++) {
		char *copy = settings->text + settings->text_used;
		size_t room = sizeof(settings->text) - settings->text_used, n = 0;

		for (; *p && *p != ','; p++) {
			if (*p == '\\' && p[1] == ',')
				p++;
			if (n + 1 < room)
				copy[n] = *p;
			n++;
		}
		if (n + 1 >= room)
			return setting_complain(reader,
						"%s is too long: give fewer or shorter items.",
						reader->name);
		if (list->n == SETTINGS_LIST_MAX)
			return setting_complain(reader, "%s lists too much: give %d items at most.",
						reader->name, SETTINGS_LIST_MAX);
		copy[n] = '\0';
		if (n == 0)
			return setting_complain(
				reader,
				"%s has an empty item in '%.60s': give %s, separated by commas.",
				reader->name, text, setting->wants);
		const char *item = setting->item ? setting->item(copy) : copy;
		if (!item)
			return misfit(reader, setting, copy);
		list->item[list->n++] = item;
		if (item == copy)
			settings->text_used += n + 1;
		if (!*p)
			return 0;
	}
}

const struct kind kind_number = {sizeof(double), read_number};
const struct kind kind_count = {sizeof(uint64_t), read_count};
const struct kind kind_power = {sizeof(uint64_t), read_power};
const struct kind kind_bytes = {sizeof(uint64_t), read_size};
const struct kind kind_switch = {sizeof(bool), read_switch};
const struct kind kind_text = {sizeof(char *), read_text};
const struct kind kind_directory = {sizeof(char *), read_directory};
const struct kind kind_choice = {sizeof(char *), read_choice};
const struct kind kind_modes = {sizeof(unsigned), read_modes};
const struct kind kind_list = {sizeof(struct settings_list), read_list};

/* --- items of lists ------------------------------------------------------- */

#define PID_LAST 4194304u /* the kernel's PID_MAX_LIMIT */

bool setting_is_pid(const char *item)
{
	return !item[strspn(item, "0123456789")];
}

/* Digits are a process id and must be one; anything else is a name. */
const char *setting_process(char *item)
{
	uint64_t pid;

	if (!setting_is_pid(item))
		return item;
	return whole(item, &pid) && pid > 0 && pid <= PID_LAST ? item : NULL;
}

const char *setting_name(char *item)
{
	return setting_is_pid(item) ? NULL : item;
}

/* "openssl:/path": the mode of one TLS library, and a file. */
const char *setting_library(char *item)
{
	struct slice type = {item, strcspn(item, ":")};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (slice_is(type, (struct slice){modes[i].name, strlen(modes[i].name)}) &&
		    modes[i].bits & MODE_TLS && !(modes[i].bits & (modes[i].bits - 1)) &&
		    item[type.n] && item[type.n + 1])
			return item;
	return NULL;
}

const char *setting_uid(char *item)
{
	uint64_t uid;

	return whole(item, &uid) && uid <= UINT32_MAX ? item : NULL;
}

const char *setting_operation(char *item)
{
	const char *name;

	for (size_t i = 0; (name = s3_operation_name(i)); i++)
		if (strcasecmp(name, item) == 0)
			return name;
	return NULL;
}

const char *setting_method_name(size_t i)
{
	static const char *const names[] = {"GET",     "PUT",	"POST",	   "HEAD", "DELETE",
					    "OPTIONS", "PATCH", "CONNECT", "TRACE"};

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

const char *setting_method(char *item)
{
	const char *name;

	for (size_t i = 0; (name = setting_method_name(i)); i++)
		if (strcasecmp(name, item) == 0)
			return name;
	return NULL;
}

const char *setting_why(char *item)
{
	const char *word;

	for (size_t i = 0; (word = why_word(i)); i++)
		if (strcasecmp(word, item) == 0)
			return word;
	return NULL;
}

/* "404", or a class "4xx". */
const char *setting_status(char *item)
{
	if (strlen(item) != 3 || *item < '1' || *item > '5')
		return NULL;
	if (strcasecmp(item + 1, "xx") == 0) {
		item[1] = item[2] = 'x';
		return item;
	}
	return item[strspn(item, "0123456789")] ? NULL : item;
}

const char *setting_grouping(char *item)
{
	const struct grouping *grouping = grouping_find(item);

	return grouping ? grouping->name : NULL;
}

const char *setting_extra(char *item)
{
	return extra_bit(item) ? item : NULL;
}

int setting_read(struct reader *reader, const struct setting *setting, const char *text)
{
	return setting->kind->read(reader, setting, text, setting_field(setting, reader->settings));
}
