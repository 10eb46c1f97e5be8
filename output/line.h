/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of output: put together in memory, and handed to the stream with one
 * call. A line that is longer than the buffer goes out in pieces.
 */
#ifndef S3SLOWER_LINE_H
#define S3SLOWER_LINE_H

#include <stdio.h>
#include <string.h>

struct line {
	FILE *file;
	size_t n;
	char buf[4096];
};

/* How many characters, not bytes: every byte of UTF-8 but the continuations. */
static inline size_t line_columns(const char *text, size_t n)
{
	size_t taken = 0;

	for (size_t i = 0; i < n; i++)
		taken += (text[i] & 0xc0) != 0x80;
	return taken;
}

static inline void line_begin(struct line *line, FILE *file)
{
	line->file = file;
	line->n = 0;
}

static inline void line_flush(struct line *line)
{
	fwrite_unlocked(line->buf, 1, line->n, line->file);
	line->n = 0;
}

static inline void line_put(struct line *line, const char *bytes, size_t n)
{
	if (n > sizeof(line->buf) - line->n)
		line_flush(line);
	if (n > sizeof(line->buf)) {
		fwrite_unlocked(bytes, 1, n, line->file);
		return;
	}
	memcpy(line->buf + line->n, bytes, n);
	line->n += n;
}

static inline void line_text(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

static inline void line_char(struct line *line, char c)
{
	line_put(line, &c, 1);
}

static inline void line_end(struct line *line)
{
	line_char(line, '\n');
	line_flush(line);
}

#endif
