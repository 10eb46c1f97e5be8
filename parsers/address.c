/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

const char *address_text(const __u64 address[2], char *to)
{
	unsigned char bytes[16];
	char *p = to;

	memcpy(bytes, address, sizeof(bytes));
	if (memcmp(bytes, mapped, sizeof(mapped)) != 0)
		return inet_ntop(AF_INET6, bytes, to, ADDRESS_TEXT);
	/* By hand, as all that is in every row. */
	for (size_t i = sizeof(mapped); i < sizeof(bytes); i++) {
		unsigned n = bytes[i];

		if (n >= 100)
			*p++ = (char)('0' + n / 100);
		if (n >= 10)
			*p++ = (char)('0' + n / 10 % 10);
		*p++ = (char)('0' + n % 10);
		*p++ = i + 1 < sizeof(bytes) ? '.' : '\0';
	}
	return to;
}

const char *address_endpoint(const __u64 address[2], unsigned port, char *to)
{
	char text[ADDRESS_TEXT];

	if (!port || !address_text(address, text))
		return NULL;
	snprintf(to, ENDPOINT_TEXT, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
	return to;
}

/* Takes the next word, between blanks. */
static struct slice next_word(struct slice *line)
{
	struct slice word;
	size_t n = 0;

	while (line->n && line->p[0] == ' ')
		*line = slice_from(*line, 1);
	while (n < line->n && line->p[n] != ' ' && line->p[n] != '\n')
		n++;
	word = (struct slice){line->p, n};
	*line = slice_from(*line, n);
	return word;
}

/* All of s as a number; false if it is none, or does not fit. */
static bool number(struct slice s, unsigned base, __u64 *out)
{
	__u64 n = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned c = (unsigned char)s.p[i], digit;

		digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
		if (digit >= base || n > (~0ULL - digit) / base)
			return false;
		n = n * base + digit;
	}
	*out = n;
	return true;
}

/* "0100007F:1F90": words of 32 bits as this machine reads them, and the port. */
static bool end(struct slice word, __u64 address[2], __u16 *port)
{
	unsigned char bytes[16];
	size_t words = word.n == 8 + 5 ? 1 : word.n == 32 + 5 ? 4 : 0;
	__u64 n;

	if (!words || word.p[8 * words] != ':')
		return false;
	memcpy(bytes, mapped, sizeof(mapped));
	for (size_t i = 0; i < words; i++) {
		__u32 raw;

		if (!number((struct slice){word.p + 8 * i, 8}, 16, &n))
			return false;
		raw = (__u32)n;
		memcpy(bytes + 4 * (4 - words + i), &raw, sizeof(raw));
	}
	memcpy(address, bytes, sizeof(bytes));
	if (!number(slice_from(word, 8 * words + 1), 16, &n))
		return false;
	*port = (__u16)n;
	return true;
}

bool address_line(struct slice line, __u64 *inode, struct endpoints *ends)
{
	struct slice word;

	memset(ends, 0, sizeof(*ends));
	next_word(&line); /* sl */
	if (!end(next_word(&line), ends->local, &ends->local_port) ||
	    !end(next_word(&line), ends->peer, &ends->peer_port))
		return false;
	/* st, tx_queue:rx_queue, tr:when, retrnsmt, uid, timeout */
	for (int i = 0; i < 6; i++)
		next_word(&line);
	word = next_word(&line);
	return number(word, 10, inode) && *inode != 0;
}
