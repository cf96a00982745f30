/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit.h - cmocka with its prerequisites, and what the unit tests share.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Name the table row under test, so that a failure says which one it was. */
#define unit_case(what) print_message("  case: %s\n", what)

/* Little-endian, as FORMAT.md stores them; each returns the byte after. */
static inline uint8_t *unit_put_u16(uint8_t *p, uint16_t v)
{
	for (int i = 0; i < 2; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

static inline uint8_t *unit_put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

static inline uint8_t *unit_put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

#endif
