/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Asked for by libbcc's helper header; nothing in it is used. */
