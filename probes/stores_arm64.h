/* SPDX-License-Identifier: Apache-2.0 */
/* stores.h for arm64's instructions, whatever machine this runs on. */
#ifndef S3SLOWER_STORES_ARM64_H
#define S3SLOWER_STORES_ARM64_H

#include <stdbool.h>

#include "stores.h"

/* As stores_find(). A call ends what is known of memory: who is called may write there. */
int stores_arm64_find(struct decoder *decoder, const uint8_t *code, size_t n, uint64_t pc,
		      struct stores *stores);

/* As stores_may_name(). */
bool stores_arm64_may_name(const uint8_t *code, size_t n, uint64_t pc, uint64_t address);

#endif
