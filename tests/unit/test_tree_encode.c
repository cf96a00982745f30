/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bytes.h"
#include "tests/unit/random.h"

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/codec/tree_encode.h"

#define ENTRIES CR_LEAF_ENTRIES_MAX

static const struct cr_key key = { "a key of thirty-two bytes, or so" };

static uint8_t names[ENTRIES][CR_NAME_MAX];
static uint8_t text[CR_TARGET_MAX];

/* The @i-th name of a leaf: its number, then noise; so they ascend. */
static struct cr_piece random_name(struct unit_random *rnd, uint32_t i)
{
	size_t len = 2 + unit_below(rnd, unit_below(rnd, 9) ? 20 : 254);

	for (size_t k = 2; k < len; k++)
		names[i][k] = (uint8_t)('0' + unit_below(rnd, 200));
	names[i][0] = (uint8_t)('0' + i / 100);
	names[i][1] = (uint8_t)('0' + i % 100);
	return (struct cr_piece){ names[i], len };
}

static void random_file(struct unit_random *rnd, struct cr_entry *e)
{
	static const uint64_t max[] = { 0, CR_INLINE_MAX, CR_CHUNK_MAX,
					INT64_MAX, INT64_MAX };

	e->content = (uint8_t)unit_below(rnd, 5);
	if (e->content > 0)
		e->size = 1 + unit_random(rnd) % max[e->content];
	if (e->content >= CR_CONTENT_CHUNK)
		e->size_class = (uint8_t)(1 + unit_below(rnd, CR_CLASS_PAGES));
	e->data_bytes = e->size;
	if (e->content >= CR_CONTENT_LLIST && unit_below(rnd, 2)) {
		e->has |= CR_HAS_HOLES;
		e->data_bytes = unit_random(rnd) % e->size;
	}
}

static void random_content(struct unit_random *rnd, struct cr_entry *e)
{
	if (e->type == CR_ENTRY_FILE) {
		random_file(rnd, e);
	} else if (e->type == CR_ENTRY_DIRECTORY) {
		e->size = unit_random(rnd) >> 1;
		e->content = (uint8_t)unit_below(rnd, 3);
	} else if (e->type == CR_ENTRY_SYMLINK) {
		e->size = 1 + unit_below(rnd, CR_TARGET_MAX);
		e->content = e->size > CR_INLINE_MAX;
		if (e->content)
			unit_fill(rnd, &e->target_id, CR_ID_LEN);
		else
			e->target = (struct cr_piece){ text, e->size };
	} else if (e->type <= CR_ENTRY_BLOCK) {
		e->dev_major = (uint32_t)unit_random(rnd);
		e->dev_minor = (uint32_t)unit_random(rnd);
	}
	if (e->type != CR_ENTRY_FILE)
		e->data_bytes = e->size;
	if (e->type != CR_ENTRY_DIRECTORY || e->content != CR_CONTENT_NONE)
		e->marks &= (uint8_t)~CR_MARK_MOUNT;
}

static void random_entry(struct unit_random *rnd, struct cr_entry *e)
{
	static const struct cr_piece set =
		UNIT_BYTES("\2\6user.a\0\6user.b\1x");

	*e = (struct cr_entry){ .name = e->name };
	e->type = (uint8_t)(1 + unit_below(rnd, CR_ENTRY_SOCKET));
	e->marks = (uint8_t)unit_below(rnd, 8);
	e->has = (uint8_t)(unit_below(rnd, 3) | unit_below(rnd, 2) << 3);
	e->mode = (uint16_t)unit_below(rnd, 010000);
	e->uid = unit_below(rnd, unit_below(rnd, 5) ? 3 : UINT32_MAX);
	e->gid = unit_below(rnd, 3);
	e->mtime.sec = (int64_t)unit_random(rnd);
	e->mtime.nsec = unit_below(rnd, 1000000000);
	e->ctime.sec = (int64_t)unit_random(rnd);
	e->ctime.nsec = unit_below(rnd, 1000000000);
	e->nlink = 1 + unit_below(rnd, unit_below(rnd, 2) ? 1 : UINT32_MAX);
	if (e->nlink > 1 && e->type != CR_ENTRY_DIRECTORY) {
		e->has |= CR_HAS_LINK;
		unit_fill(rnd, &e->link, CR_UID_LEN);
	}
	if (e->has & CR_HAS_FLAGS)
		e->flags = (uint32_t)unit_random(rnd);
	if (e->has & CR_HAS_XATTR_HERE)
		e->xattrs = set;
	if (e->has & CR_HAS_XATTR_OBJECT)
		unit_fill(rnd, &e->xattr_id, CR_ID_LEN);
	random_content(rnd, e);
}

static bool piece_equal(struct cr_piece a, struct cr_piece b)
{
	return a.len == b.len &&
	       (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

static void assert_entry_equal(const struct cr_entry *a,
			       const struct cr_entry *b)
{
	assert_true(piece_equal(a->name, b->name));
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->marks, b->marks);
	assert_int_equal(a->has, b->has);
	assert_int_equal(a->content, b->content);
	assert_int_equal(a->size_class, b->size_class);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->mtime.sec, b->mtime.sec);
	assert_int_equal(a->mtime.nsec, b->mtime.nsec);
	assert_int_equal(a->ctime.sec, b->ctime.sec);
	assert_int_equal(a->ctime.nsec, b->ctime.nsec);
	assert_int_equal(a->nlink, b->nlink);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->data_bytes, b->data_bytes);
	assert_true(cr_uid_equal(&a->link, &b->link));
	assert_int_equal(a->dev_major, b->dev_major);
	assert_int_equal(a->dev_minor, b->dev_minor);
	assert_true(piece_equal(a->xattrs, b->xattrs));
	assert_true(cr_id_equal(&a->xattr_id, &b->xattr_id));
	assert_true(piece_equal(a->target, b->target));
	assert_true(cr_id_equal(&a->target_id, &b->target_id));
}

static void encode_leaf(struct cr_leaf_encoder *enc,
			const struct cr_entry *entry, uint32_t n,
			struct cr_buf *out)
{
	static const struct cr_id refs_id = { "refs" };
	bool refs = false;

	for (uint32_t i = 0; i < n; i++) {
		refs |= cr_entry_has_ref(&entry[i]) ||
			cr_entry_is_inline(&entry[i]);
		assert_int_equal(cr_leaf_encoder_add(enc, &entry[i]), 0);
	}
	assert_int_equal(
		cr_leaf_encoder_finish(enc, refs ? &refs_id : NULL, out), 0);
	assert_int_equal(enc->count, 0);
}

static void leaf_comes_back_as_given(void **state)
{
	static struct cr_entry entry[ENTRIES];
	cr_cleanup(cr_leaf_encoder_release) struct cr_leaf_encoder enc;
	struct unit_random rnd = unit_seed();

	(void)state;
	memset(text, 't', sizeof(text));
	assert_int_equal(cr_leaf_encoder_init(&enc), 0);
	for (int round = 0; round < 300; round++) {
		cr_cleanup(cr_leaf_release) struct cr_leaf leaf = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf one = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf two = { 0 };
		uint32_t n = unit_below(&rnd, round % 10 ? 30 : ENTRIES + 1);
		uint32_t refs = 0, inline_len = 0;

		if (round == 0)
			n = ENTRIES;
		for (uint32_t i = 0; i < n; i++) {
			entry[i].name = random_name(&rnd, i);
			random_entry(&rnd, &entry[i]);
			if (round == 0) /* as many owners as there can be */
				entry[i].uid = i;
		}
		encode_leaf(&enc, entry, n, &one);
		assert_int_equal(
			cr_leaf_parse((struct cr_piece){ one.bytes, one.len },
				      &leaf),
			0);
		assert_int_equal(leaf.entries, n);
		for (uint32_t i = 0; i < n; i++) {
			const struct cr_entry *e = &leaf.entry[i];

			assert_entry_equal(&entry[i], e);
			if (cr_entry_has_ref(e))
				assert_int_equal(e->ref, refs++);
			if (cr_entry_is_inline(e)) {
				assert_int_equal(e->inline_at, inline_len);
				inline_len += (uint32_t)e->size;
			}
		}
		assert_int_equal(leaf.refs, refs);
		assert_int_equal(leaf.inline_len, inline_len);
		encode_leaf(&enc, leaf.entry, leaf.entries, &two);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.bytes, two.bytes, one.len);
	}
}

static void refs_come_back_as_given(void **state)
{
	static const struct {
		bool has_inline;
		uint32_t count;
	} cases[] = {
		{ true, 0 },
		{ true, 1 },
		{ false, 1 },
		{ false, 1024 },
	};
	static struct cr_id id[1024];
	struct unit_random rnd = unit_seed();

	(void)state;
	unit_fill(&rnd, id, sizeof(id));
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
		const struct cr_id *inline_id =
			cases[i].has_inline ? &id[7] : NULL;
		struct cr_refs refs;

		assert_int_equal(
			cr_refs_encode(inline_id, id, cases[i].count, &out), 0);
		assert_int_equal(
			cr_refs_parse((struct cr_piece){ out.bytes, out.len },
				      NULL, &refs),
			0);
		assert_int_equal(refs.has_inline, cases[i].has_inline);
		assert_int_equal(refs.count, cases[i].count);
		if (refs.has_inline)
			assert_true(cr_id_equal(&refs.inline_id, inline_id));
		for (uint32_t k = 0; k < refs.count; k++)
			assert_memory_equal(cr_refs_id(&refs, k).bytes,
					    id[k].bytes, CR_ID_LEN);
	}
}

static void dnode_comes_back_as_given(void **state)
{
	static struct cr_dnode_child child[CR_DNODE_MAX];
	struct unit_random rnd = unit_seed();

	(void)state;
	for (int round = 0; round < 100; round++) {
		cr_cleanup(cr_dnode_release) struct cr_dnode again = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf one = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf two = { 0 };
		struct cr_dnode dnode = { .child = child };

		dnode.children = CR_DNODE_MAX;
		if (round > 0)
			dnode.children = 1 + unit_below(&rnd, CR_DNODE_MAX);
		dnode.height = (uint8_t)(1 + unit_below(&rnd, CR_HEIGHT_MAX));
		for (uint32_t i = 0; i < dnode.children; i++) {
			child[i].first = random_name(&rnd, i);
			child[i].entries = 1 + (unit_random(&rnd) >> 12);
			unit_fill(&rnd, &child[i].id, CR_ID_LEN);
		}
		assert_int_equal(cr_dnode_encode(&dnode, &one), 0);
		assert_int_equal(
			cr_dnode_parse((struct cr_piece){ one.bytes, one.len },
				       &again),
			0);
		assert_int_equal(again.children, dnode.children);
		assert_int_equal(again.height, dnode.height);
		for (uint32_t i = 0; i < dnode.children; i++) {
			assert_true(piece_equal(again.child[i].first,
						child[i].first));
			assert_int_equal(again.child[i].entries,
					 child[i].entries);
			assert_true(
				cr_id_equal(&again.child[i].id, &child[i].id));
		}
		assert_int_equal(cr_dnode_encode(&again, &two), 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.bytes, two.bytes, one.len);
	}
}

static void root_comes_back_as_given(void **state)
{
	struct unit_random rnd = unit_seed();

	(void)state;
	for (int round = 0; round < 1000; round++) {
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
		struct cr_entry root = { 0 }, again;
		struct cr_cursor cur;

		do
			random_entry(&rnd, &root);
		while (root.type != CR_ENTRY_DIRECTORY);
		assert_int_equal(cr_root_encode(&root, &out), 0);
		cur = cr_cursor(out.bytes, out.len);
		assert_int_equal(cr_root_parse(&cur, &again), 0);
		assert_true(cr_cursor_done(&cur));
		assert_entry_equal(&root, &again);
	}
}

static void xattrs_come_back_as_given(void **state)
{
	struct unit_random rnd = unit_seed();

	(void)state;
	for (int round = 0; round < 300; round++) {
		cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
		struct cr_xattr xattr[40], one;
		struct cr_xattrs again;
		const uint32_t n = 1 + unit_below(&rnd, 40);

		for (uint32_t i = 0; i < n; i++) {
			xattr[i].name = random_name(&rnd, i);
			xattr[i].value = (struct cr_piece){
				text, unit_below(&rnd, sizeof(text))
			};
		}
		assert_int_equal(cr_xattrs_encode(xattr, n, &set), 0);
		assert_int_equal(
			cr_xattrs_parse((struct cr_piece){ set.bytes, set.len },
					&again),
			0);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(cr_xattr_next(&again, &one));
			assert_true(piece_equal(one.name, xattr[i].name));
			assert_true(piece_equal(one.value, xattr[i].value));
		}
		assert_false(cr_xattr_next(&again, &one));
	}
}

/* Find a number whose name has a zero byte @i in its cut hash, or has not. */
static uint32_t find_name(size_t i, bool zero)
{
	struct cr_key cut;
	uint32_t n = 0;

	do
		cr_kdf_bytes(&key, "cut", &n, sizeof(n), &cut);
	while ((cut.bytes[i] == 0) != zero && n++ < UINT32_MAX);
	return n;
}

static void leaf_ends_where_the_format_says(void **state)
{
	static const struct {
		const char *what;
		uint32_t count;
		size_t bytes; /* of the last name and its target */
		bool cut, full;
	} cases[] = {
		{ "one", 1, 0, true, false },
		{ "63 and a cut", 63, 0, true, false },
		{ "64 and a cut", 64, 0, true, true },
		{ "64", 64, 0, false, false },
		{ "1,023", 1023, 0, false, false },
		{ "1,024", 1024, 0, false, true },
		{ "65,535 bytes", 2, 65535, false, false },
		{ "65,536 bytes", 2, 65536, false, true },
	};
	const uint32_t cut = find_name(0, true), other = find_name(0, false);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const uint32_t *name = cases[i].cut ? &cut : &other;
		const struct cr_piece last = { name, sizeof(*name) };
		const struct cr_entry fifo = { .type = CR_ENTRY_FIFO,
					       .nlink = 1 };
		cr_cleanup(cr_leaf_encoder_release) struct cr_leaf_encoder enc;

		unit_case(cases[i].what);
		assert_int_equal(cr_leaf_encoder_init(&enc), 0);
		for (uint32_t k = 0; k < cases[i].count; k++)
			assert_int_equal(cr_leaf_encoder_add(&enc, &fifo), 0);
		if (cases[i].bytes > 0)
			cr_buf_zero(enc.entries,
				    cases[i].bytes - enc.entries->len);
		assert_int_equal(cr_leaf_encoder_full(&enc, &key, last),
				 cases[i].full);
	}
}

static void dnode_ends_where_the_format_says(void **state)
{
	static const struct {
		uint32_t count;
		size_t names;
		bool cut, full;
	} cases[] = {
		{ 1, 1, true, false },	    { 63, 63, true, false },
		{ 64, 64, true, true },	    { 64, 64, false, false },
		{ 1023, 1, false, false },  { 1024, 1, false, true },
		{ 2, 131071, true, false }, { 2, 131072, false, true },
	};
	const uint32_t cut = find_name(1, true), other = find_name(1, false);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const uint32_t *name = cases[i].cut ? &cut : &other;
		const struct cr_piece first = { name, sizeof(*name) };

		assert_int_equal(cr_dnode_full(cases[i].count, cases[i].names,
					       &key, first),
				 cases[i].full);
	}
}

static void link_group_names_a_file(void **state)
{
	/* Kdf(link key, "link", path || 0 || u64 inode), by hand. */
	static const uint8_t said[] = "/home\0\x08\7\6\5\4\3\2\1";
	const struct cr_piece home = UNIT_BYTES("/home");
	const struct cr_piece root = UNIT_BYTES("/");
	struct cr_uid a, b;
	struct cr_key want;

	(void)state;
	a = cr_link_group(&key, home, UINT64_C(0x0102030405060708));
	cr_kdf_bytes(&key, "link", said, sizeof(said) - 1, &want);
	assert_memory_equal(a.bytes, want.bytes, CR_UID_LEN);
	b = cr_link_group(&key, root, UINT64_C(0x0102030405060708));
	assert_false(cr_uid_equal(&a, &b));
	b = cr_link_group(&key, home, UINT64_C(0x0102030405060709));
	assert_false(cr_uid_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaf_comes_back_as_given),
		cmocka_unit_test(refs_come_back_as_given),
		cmocka_unit_test(dnode_comes_back_as_given),
		cmocka_unit_test(root_comes_back_as_given),
		cmocka_unit_test(xattrs_come_back_as_given),
		cmocka_unit_test(leaf_ends_where_the_format_says),
		cmocka_unit_test(dnode_ends_where_the_format_says),
		cmocka_unit_test(link_group_names_a_file),
	};

	return cmocka_run_group_tests_name("tree_encode", tests, NULL, NULL);
}
