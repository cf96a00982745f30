/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ino.h"

#include "store/disk/keyring.h"
#include "store/read/dir.h"
#include "tests/unit/unit.h"

/* A file and where it is. */
struct where {
	struct cr_domain_keys domain;
	struct cr_key folder;
	struct cr_id snapshot;
	struct cr_entry entry;
	struct cr_file_ref file;
	struct cr_tree_ref tree;
	bool share;
	char name[8];
	char xattrs[8];
};

static struct where some_file(void)
{
	return (struct where){
		.entry = {
			.type = CR_ENTRY_FILE,
			.content = CR_CONTENT_CHUNK,
			.mode = 0644,
			.nlink = 1,
			.size = 300,
			.data_bytes = 300,
			.mtime = { 1000, 5 },
			.ctime = { 2000, 6 },
		},
		.file = { .content = CR_CONTENT_CHUNK, .size = 300 },
		.name = "name",
	};
}

static uint64_t ino_of(struct where *w)
{
	const struct cr_ino_of of = {
		.domain = &w->domain,
		.folder = &w->folder,
		.snapshot = &w->snapshot,
		.entry = &w->entry,
		.file = w->entry.type == CR_ENTRY_FILE ? &w->file : NULL,
		.tree = w->share ? &w->tree : NULL,
	};

	w->entry.name = (struct cr_piece){ w->name, strlen(w->name) };
	w->entry.xattrs = (struct cr_piece){ w->xattrs, sizeof(w->xattrs) };
	return cr_ino(&of);
}

static void what_shows_changes_the_number(void **state)
{
	struct where w = some_file();
	uint64_t before = ino_of(&w);

	(void)state;
	assert_int_equal(ino_of(&w), before);
#define CHANGES(member, value)                     \
	do {                                       \
		unit_case(#member);                \
		w = some_file();                   \
		w.member = (value);                \
		assert_true(ino_of(&w) != before); \
	} while (0)
	CHANGES(folder.bytes[31], 1);
	CHANGES(name[0], 'N');
	CHANGES(name[4], '\xff');
	CHANGES(entry.mode, 0600);
	CHANGES(entry.uid, 1);
	CHANGES(entry.gid, 1);
	CHANGES(entry.size, 301);
	CHANGES(entry.data_bytes, 0);
	CHANGES(entry.mtime.sec, -1000);
	CHANGES(entry.mtime.nsec, 4);
	CHANGES(entry.ctime.sec, 2001);
	CHANGES(entry.ctime.nsec, 7);
	CHANGES(entry.flags, 16);
	CHANGES(entry.has, CR_HAS_XATTR_HERE);
	CHANGES(entry.content, CR_CONTENT_LLIST);
	CHANGES(file.id.bytes[0], 1);
	CHANGES(file.inline_at, 1);
#undef CHANGES
}

static void what_does_not_show_leaves_it(void **state)
{
	struct where w = some_file();
	uint64_t before = ino_of(&w);

	(void)state;
	w.snapshot.bytes[0] = 1;
	assert_int_equal(ino_of(&w), before);
	w.entry.xattr_id.bytes[0] = 1; /* of no object */
	w.xattrs[0] = 1;
	assert_int_equal(ino_of(&w), before);
}

static void all_but_single_files_belong_to_their_snapshot(void **state)
{
	(void)state;
	for (int type = CR_ENTRY_FILE; type <= CR_ENTRY_SOCKET; type++) {
		for (uint32_t nlink = 1; nlink <= 2; nlink++) {
			struct where w = some_file();
			bool shared = type == CR_ENTRY_FILE && nlink == 1;
			uint64_t before;

			w.entry.type = (uint8_t)type;
			w.entry.nlink = nlink;
			before = ino_of(&w);
			w.snapshot.bytes[0] = 1;
			assert_int_equal(ino_of(&w) == before, shared);
		}
	}
}

static void equal_directories_may_share(void **state)
{
	struct where w = some_file();
	uint64_t before;

	(void)state;
	w.entry.type = CR_ENTRY_DIRECTORY;
	w.entry.content = CR_CONTENT_LEAF;
	w.tree.content = CR_CONTENT_LEAF;
	w.share = true;
	before = ino_of(&w);
	w.snapshot.bytes[0] = 1;
	assert_int_equal(ino_of(&w), before);
	w.tree.id.bytes[31] = 1;
	assert_true(ino_of(&w) != before);
	w.tree.id.bytes[31] = 0;
	w.entry.mtime.nsec++;
	assert_true(ino_of(&w) != before);
	w.entry.mtime.nsec--;
	w.name[0] = 'x';
	assert_true(ino_of(&w) != before);
	w.name[0] = 'n';
	w.folder.bytes[0] = 1;
	assert_true(ino_of(&w) != before);
	/* An id means nothing where there is no content. */
	w.entry.content = w.tree.content = CR_CONTENT_NONE;
	before = ino_of(&w);
	w.tree.id.bytes[0] = 1;
	assert_int_equal(ino_of(&w), before);
}

static void links_share_a_number_wherever_they_are(void **state)
{
	struct where w = some_file();
	uint64_t before;

	(void)state;
	w.entry.nlink = 2;
	w.entry.has = CR_HAS_LINK;
	w.entry.link.bytes[0] = 1;
	before = ino_of(&w);
	w.name[0] = 'x';
	w.folder.bytes[0] = 1;
	assert_int_equal(ino_of(&w), before);
	/* Those that do not agree are two files. */
	w.entry.mtime.nsec++;
	assert_true(ino_of(&w) != before);
	w.entry.mtime.nsec--;
	w.file.id.bytes[0] = 1;
	assert_true(ino_of(&w) != before);
	w.file.id.bytes[0] = 0;
	assert_int_equal(ino_of(&w), before);
	w.entry.link.bytes[0] = 2;
	assert_true(ino_of(&w) != before);
	/* The bytes of small ones lie elsewhere in every directory. */
	w.entry.content = CR_CONTENT_INLINE;
	before = ino_of(&w);
	w.file.id.bytes[0] = 1;
	w.file.inline_at = 9;
	assert_int_equal(ino_of(&w), before);
	/* No directory is a link, whatever it says. */
	w.entry.type = CR_ENTRY_DIRECTORY;
	before = ino_of(&w);
	w.name[0] = 'y';
	assert_true(ino_of(&w) != before);
}

static void paths_make_keys(void **state)
{
	const struct cr_domain_keys domain = { 0 }, other = {
		.name_key = { { 1 } },
	};
	struct cr_key a, b, below;

	(void)state;
	cr_ino_root_key(&domain, "a", &a);
	cr_ino_root_key(&domain, "b", &b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	cr_ino_root_key(&other, "a", &b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	cr_ino_folder_key(&a, (struct cr_piece){ "x", 1 }, &below);
	cr_ino_folder_key(&a, (struct cr_piece){ "y", 1 }, &b);
	assert_memory_not_equal(&below, &b, sizeof(b));
	assert_memory_not_equal(&below, &a, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_shows_changes_the_number),
		cmocka_unit_test(what_does_not_show_leaves_it),
		cmocka_unit_test(all_but_single_files_belong_to_their_snapshot),
		cmocka_unit_test(equal_directories_may_share),
		cmocka_unit_test(links_share_a_number_wherever_they_are),
		cmocka_unit_test(paths_make_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
