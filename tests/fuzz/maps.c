/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a line of maps, the mapping is one: it has a size, and its
 * path lies within the line. */
#include "parsers/maps.h"

#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct slice line = {(const char *)data, size};
	struct maps_mapping m;

	if (maps_line(line, &m))
		return 0;
	CHECK(m.start < m.end);
	CHECK(m.path.p >= line.p && m.path.p + m.path.n <= line.p + line.n);
	return 0;
}
