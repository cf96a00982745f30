/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/tar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/cursor.h"
#include "store/base/escape.h"

/* A ustar header; every field is text. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[8];
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char pad[12];
};
static_assert(sizeof(struct header) == CR_TAR_BLOCK, "one block");

/* ---- Fields */

/* In octal, with a zero byte at the end: false when it does not fit. */
static bool put_octal(char *field, size_t len, uint64_t value)
{
	for (size_t i = len - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	field[len - 1] = '\0';
	return value == 0;
}

/* As far as it goes; the rest is in a record. */
static bool put_name(char field[100], struct cr_piece name)
{
	if (name.len > 0)
		memcpy(field, name.bytes, cr_min(name.len, (size_t)100));
	return name.len <= 100;
}

static void put_sum(struct header *h)
{
	const uint8_t *bytes = (const uint8_t *)h;
	unsigned int sum = 0;

	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += bytes[i];
	(void)put_octal(h->sum, 7, sum);
}

static void begin(struct header *h, char type)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, "ustar\00000", 8);
	h->type = type;
	(void)put_octal(h->mode, sizeof(h->mode), 0);
	(void)put_octal(h->uid, sizeof(h->uid), 0);
	(void)put_octal(h->gid, sizeof(h->gid), 0);
	(void)put_octal(h->size, sizeof(h->size), 0);
	(void)put_octal(h->mtime, sizeof(h->mtime), 0);
}

/* ---- pax records */

static size_t digits(size_t n)
{
	size_t count = 1;

	for (; n >= 10; n /= 10)
		count++;
	return count;
}

/* "LENGTH KEY=VALUE\n", in which the length counts itself. */
static void put_record(struct cr_buf *out, struct cr_piece key,
		       struct cr_piece value)
{
	size_t rest = 1 + key.len + 1 + value.len + 1;
	size_t len = rest + digits(rest);
	char text[32];

	len = rest + digits(len);
	(void)snprintf(text, sizeof(text), "%zu ", len);
	cr_buf_put(out, text, strlen(text));
	cr_buf_put(out, key.bytes, key.len);
	cr_buf_u8(out, '=');
	cr_buf_put(out, value.bytes, value.len);
	cr_buf_u8(out, '\n');
}

static struct cr_piece text_piece(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

static void put_text(struct cr_buf *out, const char *key, const char *value)
{
	put_record(out, text_piece(key), text_piece(value));
}

static void put_number(struct cr_buf *out, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text(out, key, text);
}

/* Seconds and their decimals: before 1970 both count downwards. */
static void put_time(struct cr_buf *out, const struct cr_time *time)
{
	bool negative = time->sec < 0;
	uint64_t sec = negative ? -(uint64_t)time->sec : (uint64_t)time->sec;
	uint32_t nsec = time->nsec;
	char text[48];
	size_t len;

	if (negative && nsec > 0) {
		sec--;
		nsec = 1000000000u - nsec;
	}
	len = (size_t)snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu32,
			       negative ? "-" : "", sec, nsec);
	while (text[len - 1] == '0')
		text[--len] = '\0';
	if (text[len - 1] == '.')
		text[--len] = '\0';
	put_text(out, "mtime", text);
}

/* ---- Extended attributes and ACLs */

int cr_tar_acl_text(struct cr_piece value, struct cr_buf *out)
{
	static const struct {
		uint16_t tag;
		const char *text;
		bool named;
	} kind[] = {
		{ 0x01, "user:", false },  { 0x02, "user:", true },
		{ 0x04, "group:", false }, { 0x08, "group:", true },
		{ 0x10, "mask:", false },  { 0x20, "other:", false },
	};
	struct cr_cursor cur = cr_cursor(value.bytes, value.len);
	size_t before = out->len;

	if (cr_cursor_u32(&cur) != 2)
		return -EINVAL;
	while (cur.left > 0) {
		uint16_t tag = cr_cursor_u16(&cur);
		uint16_t may = cr_cursor_u16(&cur);
		uint32_t id = cr_cursor_u32(&cur);
		char text[48] = "";

		for (size_t i = 0; i < CR_ARRAY_LEN(kind); i++) {
			if (kind[i].tag != tag)
				continue;
			(void)snprintf(
				text, sizeof(text), "%s%.*" PRIu32 ":%c%c%c",
				kind[i].text, kind[i].named ? 1 : 0,
				kind[i].named ? id : 0, may & 4 ? 'r' : '-',
				may & 2 ? 'w' : '-', may & 1 ? 'x' : '-');
		}
		if (cur.overrun || text[0] == '\0') {
			out->len = before;
			return -EINVAL;
		}
		if (out->len > before)
			cr_buf_u8(out, ',');
		cr_buf_put(out, text, strlen(text));
	}
	return out->len > before ? cr_buf_error(out) : -EINVAL;
}

static bool named(struct cr_piece name, const char *text)
{
	return name.len == strlen(text) &&
	       memcmp(name.bytes, text, name.len) == 0;
}

static int put_acl(struct cr_buf *out, const struct cr_xattr *xattr)
{
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	const char *key = named(xattr->name, "system.posix_acl_access")
				  ? "SCHILY.acl.access"
			  : named(xattr->name, "system.posix_acl_default")
				  ? "SCHILY.acl.default"
				  : NULL;

	if (!key || cr_tar_acl_text(xattr->value, &text) < 0)
		return cr_buf_error(&text);
	put_record(out, text_piece(key),
		   (struct cr_piece){ text.bytes, text.len });
	return 0;
}

/* "=" ends a key: GNU tar writes it as %3D, and so "%" as %25. */
static void put_key(struct cr_buf *key, struct cr_piece name)
{
	const char *at = name.bytes;

	cr_buf_put(key, "SCHILY.xattr.", 13);
	for (size_t i = 0; i < name.len; i++) {
		if (at[i] == '=')
			cr_buf_put(key, "%3D", 3);
		else if (at[i] == '%')
			cr_buf_put(key, "%25", 3);
		else
			cr_buf_put(key, &at[i], 1);
	}
}

static int put_xattrs(struct cr_buf *out, struct cr_piece set)
{
	cr_cleanup(cr_buf_release) struct cr_buf key = { 0 };
	struct cr_xattrs xattrs = { 0 };
	struct cr_xattr one;
	int r = 0;

	if (set.len > 0)
		r = cr_xattrs_parse(set, &xattrs);
	while (r == 0 && cr_xattr_next(&xattrs, &one)) {
		cr_buf_clear(&key);
		put_key(&key, one.name);
		r = cr_buf_error(&key);
		if (r < 0)
			return r;
		put_record(out, (struct cr_piece){ key.bytes, key.len },
			   one.value);
		r = put_acl(out, &one);
	}
	return r;
}

/* ---- The header */

static char type_of(const struct cr_tar_member *m)
{
	static const char type[] = {
		[CR_ENTRY_FILE] = '0',	  [CR_ENTRY_DIRECTORY] = '5',
		[CR_ENTRY_SYMLINK] = '2', [CR_ENTRY_CHAR] = '3',
		[CR_ENTRY_BLOCK] = '4',	  [CR_ENTRY_FIFO] = '6',
	};

	return m->hard_link ? '1' : type[m->entry->type];
}

static void put_long_name(struct cr_buf *out, const char *key,
			  struct cr_piece name, bool *binary)
{
	*binary |= !cr_utf8_valid(name.bytes, name.len);
	put_record(out, text_piece(key), name);
}

/* Names that fit no field, or that a sparse file has beside that of its map. */
static void put_names(struct cr_buf *out, const struct cr_tar_member *m,
		      struct header *h, struct cr_piece name)
{
	static const char map[] = "./GNUSparseFile.0/map";
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };
	bool binary = false;

	if (m->sparse) {
		put_long_name(&names, "GNU.sparse.name", name, &binary);
		(void)put_name(h->name, text_piece(map));
	} else if (!put_name(h->name, name)) {
		put_long_name(&names, "path", name, &binary);
	}
	if (!put_name(h->link, m->link))
		put_long_name(&names, "linkpath", m->link, &binary);
	if (binary)
		put_text(out, "hdrcharset", "BINARY");
	cr_buf_put(out, names.bytes, names.len);
	out->failed |= names.failed;
}

static void put_numbers(struct cr_buf *out, const struct cr_tar_member *m,
			struct header *h)
{
	const struct cr_entry *e = m->entry;

	(void)put_octal(h->mode, sizeof(h->mode), e->mode);
	if (!put_octal(h->uid, sizeof(h->uid), e->uid))
		put_number(out, "uid", e->uid);
	if (!put_octal(h->gid, sizeof(h->gid), e->gid))
		put_number(out, "gid", e->gid);
	if (!put_octal(h->size, sizeof(h->size), m->stored))
		put_number(out, "size", m->stored);
	if (!put_octal(h->mtime, sizeof(h->mtime),
		       e->mtime.sec < 0 ? UINT64_MAX
					: (uint64_t)e->mtime.sec) ||
	    e->mtime.nsec > 0)
		put_time(out, &e->mtime);
	if (e->type == CR_ENTRY_CHAR || e->type == CR_ENTRY_BLOCK) {
		if (!put_octal(h->major, sizeof(h->major), e->dev_major))
			put_number(out, "SCHILY.devmajor", e->dev_major);
		if (!put_octal(h->minor, sizeof(h->minor), e->dev_minor))
			put_number(out, "SCHILY.devminor", e->dev_minor);
	}
	if (m->sparse) {
		put_text(out, "GNU.sparse.major", "1");
		put_text(out, "GNU.sparse.minor", "0");
		put_number(out, "GNU.sparse.realsize", e->size);
	}
}

static int put_records(const struct cr_tar_member *m, struct header *h,
		       struct cr_buf *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf name = { 0 };

	cr_buf_put(&name, m->name.bytes, m->name.len);
	if (m->entry->type == CR_ENTRY_DIRECTORY)
		cr_buf_u8(&name, '/');
	if (cr_buf_error(&name) < 0)
		return -ENOMEM;
	put_names(out, m, h, (struct cr_piece){ name.bytes, name.len });
	put_numbers(out, m, h);
	return m->hard_link ? 0 : put_xattrs(out, m->xattrs);
}

int cr_tar_header(const struct cr_tar_member *m, struct cr_buf *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf records = { 0 };
	struct header h, before;
	int r;

	begin(&h, type_of(m));
	r = put_records(m, &h, &records);
	if (r < 0)
		return r;
	if (records.len > 0) {
		begin(&before, 'x');
		(void)put_name(before.name, text_piece("./PaxHeaders/entry"));
		(void)put_octal(before.mode, sizeof(before.mode), 0644);
		(void)put_octal(before.size, sizeof(before.size), records.len);
		put_sum(&before);
		cr_buf_put(out, &before, sizeof(before));
		cr_buf_put(out, records.bytes, records.len);
		cr_buf_zero(out, cr_tar_padding(records.len));
	}
	put_sum(&h);
	cr_buf_put(out, &h, sizeof(h));
	out->failed |= records.failed;
	return cr_buf_error(out);
}

void cr_tar_map_put(struct cr_buf *out, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64 "\n", number);
	cr_buf_put(out, text, strlen(text));
}
