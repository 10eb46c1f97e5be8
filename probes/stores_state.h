/* SPDX-License-Identifier: Apache-2.0 */
/* What running code in the mind has in common on all processors. */
#ifndef S3SLOWER_STORES_STATE_H
#define S3SLOWER_STORES_STATE_H

#include "stores.h"

/* 8 bytes of a register or of the stack. */
struct word {
	bool known;
	enum store_kind kind;
	uint64_t value;
};

/* Notes a store; of a word that is not known, that what was stored there is not known any
 * more. Without room it is left out. */
void stores_put(struct stores *stores, uint64_t address, struct word word, uint8_t size);

#endif
