/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories of any size: what is built is found, walked, and read without an
 * index.
 */
#include "store/base/error.h"
#include "store/write/dir_builder.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

static struct made_repo made;
static struct session ses;
static struct cr_stream *stream;

static int setup(void **state)
{
	(void)state;
	if (cr_sodium_init() < 0)
		return -1;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_stream_new(ses.writer, &stream));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_stream_free(stream);
	session_end(&ses);
	made_release(&made);
	return 0;
}

static void flush(void)
{
	session_ok(cr_stream_flush(stream));
	session_ok(cr_writer_flush(ses.writer));
}

/* ---- Directories of numbered files --------------------------------------- */

struct name {
	char text[16];
};

static struct name name_of(uint32_t n)
{
	struct name name;

	(void)snprintf(name.text, sizeof(name.text), "%08u", n);
	return name;
}

static struct cr_piece piece(const struct name *name)
{
	return (struct cr_piece){ name->text, strlen(name->text) };
}

/* Number @n: every second inline, every third of one chunk. */
static void add_file(struct cr_dir_builder *b, uint32_t n, int64_t time)
{
	struct name name = name_of(n);
	struct cr_entry_content content = { .inlined = { &n, sizeof(n) } };
	struct cr_entry e = { .name = piece(&name),
			      .type = CR_ENTRY_FILE,
			      .mode = 0644,
			      .nlink = 1,
			      .mtime = { time, 0 } };

	if (n % 2 == 0) {
		e.content = CR_CONTENT_INLINE;
		e.size = sizeof(n);
	} else if (n % 3 == 0) {
		e.content = CR_CONTENT_CHUNK;
		e.size_class = 1;
		e.size = 1000;
		memcpy(&content.id, &n, sizeof(n));
	}
	e.data_bytes = e.size;
	session_ok(cr_dir_builder_add(b, &e, &content));
}

/* Files 0 to @n - 1; the time of number @odd is another. */
static struct cr_tree_ref build(uint32_t n, uint32_t odd)
{
	struct cr_tree_ref ref = { 0 };
	struct cr_dir_builder b;

	session_ok(cr_dir_builder_init(&b, ses.writer, stream));
	for (uint32_t i = 0; i < n; i++)
		add_file(&b, i, i == odd ? 7 : 1);
	session_ok(cr_dir_builder_finish(&b, &ref.content, &ref.id, &ref.hint));
	cr_dir_builder_release(&b);
	return ref;
}

static void assert_is(const struct cr_page *page, uint32_t i, uint32_t n)
{
	const struct cr_entry *e = &page->leaf.entry[i];
	struct name name = name_of(n);
	struct cr_file_ref ref;
	uint32_t id = 0;

	assert_int_equal(cr_name_compare(e->name, piece(&name)), 0);
	cr_page_file_ref(page, i, &ref);
	assert_int_equal(ref.content, n % 2 == 0   ? CR_CONTENT_INLINE
				      : n % 3 == 0 ? CR_CONTENT_CHUNK
						   : CR_CONTENT_NONE);
	if (ref.content != CR_CONTENT_CHUNK)
		return;
	memcpy(&id, &ref.id, sizeof(id));
	assert_int_equal(id, n);
}

static void assert_found_by_name(const struct cr_dir *dir, uint32_t n)
{
	cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
	struct name name = name_of(n);
	uint32_t i;

	session_ok(cr_dir_find(dir, piece(&name), &page, &i));
	assert_is(page, i, n);
	assert_int_equal(page->first + i, n);
}

static void assert_lacks(const struct cr_dir *dir, const char *name)
{
	struct cr_page *page = NULL;
	uint32_t i;

	assert_int_equal(cr_dir_find(dir,
				     (struct cr_piece){ name, strlen(name) },
				     &page, &i),
			 -ENOENT);
}

static const uint32_t sizes[] = { 0, 1, 63, 64, 65, 1024, 1025, 5000 };
#define LARGEST 5000

static void every_entry_is_found_by_name_and_by_ordinal(void **state)
{
	struct cr_tree_ref ref[CR_ARRAY_LEN(sizes)];
	struct looker look;

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++)
		ref[i] = build(sizes[i], LARGEST);
	flush();
	looker_init(made.repo, ses.index, &look);
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		cr_cleanup(cr_dir_closep) struct cr_dir *dir = NULL;
		struct cr_page *page = NULL;

		print_message("  case: %u entries\n", sizes[i]);
		session_ok(cr_dir_open(look.reader, &look.view, &ref[i], &dir));
		assert_int_equal(cr_dir_entries(dir), sizes[i]);
		for (uint32_t n = 0; n < sizes[i]; n++)
			assert_found_by_name(dir, n);
		for (uint32_t n = 0; n < sizes[i]; n++) {
			if (!page || n >= page->first + page->leaf.entries) {
				cr_page_free(page);
				session_ok(cr_dir_page(dir, n, &page));
			}
			assert_is(page, (uint32_t)(n - page->first), n);
		}
		cr_page_free(page);
		page = NULL;
		assert_int_equal(cr_dir_page(dir, sizes[i], &page), -ENOENT);
		assert_int_equal(cr_dir_page(dir, UINT64_MAX, &page), -ENOENT);
		assert_lacks(dir, "!");
		assert_lacks(dir, "00000000x");
		assert_lacks(dir, "0000");
		assert_lacks(dir, "x");
	}
	looker_release(&look);
}

/* Chunks that are new when the directory is built again, by @odd. */
static uint64_t chunks_new(uint32_t n, uint32_t odd)
{
	struct cr_writer_stats before, after;

	cr_writer_get_stats(ses.writer, &before);
	(void)build(n, odd);
	cr_writer_get_stats(ses.writer, &after);
	return after.chunks_new - before.chunks_new;
}

static void one_changed_entry_rewrites_one_leaf(void **state)
{
	(void)state;
	(void)build(5000, LARGEST);
	assert_int_equal(chunks_new(5000, LARGEST), 0);
	/* The leaf and the node above it; what they refer to is as it was. */
	assert_int_equal(chunks_new(5000, 0), 2);
	assert_int_equal(chunks_new(5000, 2500), 2);
	assert_int_equal(chunks_new(5000, 4999), 2);
	/* One more at the end: leaf, its refs, inline bytes, node. */
	assert_in_range(chunks_new(5001, LARGEST), 2, 4);
}

/* ---- A tree of directories ------------------------------------------------
 */

#define WIDTH 40
#define FILES 150

/* Below each of WIDTH directories: as many with FILES files. */
static struct cr_tree_ref build_tree(int64_t time)
{
	struct cr_tree_ref ref = { 0 };
	struct cr_dir_builder top;

	session_ok(cr_dir_builder_init(&top, ses.writer, stream));
	for (uint32_t d = 0; d < WIDTH; d++) {
		struct name name = name_of(d);
		struct cr_entry e = { .name = piece(&name),
				      .type = CR_ENTRY_DIRECTORY,
				      .mode = 0755,
				      .nlink = 2 };
		struct cr_entry_content content = { 0 };
		struct cr_dir_builder b;

		session_ok(cr_dir_builder_init(&b, ses.writer, stream));
		for (uint32_t n = 0; n < FILES; n++)
			add_file(&b, 1000 * d + n, time);
		session_ok(cr_dir_builder_finish(&b, &e.content, &content.id,
						 &content.hint));
		cr_dir_builder_release(&b);
		session_ok(cr_dir_builder_add(&top, &e, &content));
	}
	session_ok(
		cr_dir_builder_finish(&top, &ref.content, &ref.id, &ref.hint));
	cr_dir_builder_release(&top);
	return ref;
}

static void commit_tree(int64_t time)
{
	struct cr_tree_ref ref = build_tree(time);
	struct cr_manifest manifest = {
		.root = { .type = CR_ENTRY_DIRECTORY,
			  .mode = 0755,
			  .nlink = 2,
			  .content = ref.content },
		.root_id = ref.id,
		.root_hint = ref.hint,
	};

	session_ok(cr_stream_flush(stream));
	(void)session_commit(&ses, &manifest, time);
}

static void assert_walk(const struct looker *look)
{
	cr_cleanup(cr_walk_closep) struct cr_walk *walk = NULL;
	char before[64] = "";
	unsigned int entries = 0, left = 0;
	struct cr_walk_item item;
	struct cr_found root;
	int r;

	cr_snapshot_root(look->snapshot, &root);
	session_ok(cr_walk_open(look->reader, &look->view, &root, &walk));
	while ((r = cr_walk_next(walk, &item)) > 0) {
		assert_int_equal(strlen(item.path), item.path_len);
		if (item.event == CR_WALK_LEAVE) {
			left++;
			continue;
		}
		assert_true(entries == 0 || strcmp(before, item.path) < 0);
		(void)snprintf(before, sizeof(before), "%s", item.path);
		entries++;
	}
	session_ok(r);
	assert_int_equal(entries, 1 + WIDTH + WIDTH * FILES);
	assert_int_equal(left, 1 + WIDTH);
}

/* The root's hint is in the manifest, every other in a tail. */
static void trees_are_read_by_hints_alone(void **state)
{
	(void)state;
	/* The second shares what its entries refer to with the first. */
	for (int64_t time = 1000; time < 1002; time++) {
		struct cr_reader_stats stats;
		struct looker look;

		commit_tree(time);
		looker_init(made.repo, NULL, &look);
		assert_walk(&look);
		stats = looker_stats(&look);
		assert_int_equal(stats.searches, 0);
		assert_int_equal(stats.index_lookups, 0);
		assert_true(stats.hints_followed > WIDTH);
		looker_release(&look);
	}
}

static void paths_are_looked_up(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{ "", 0 },
		{ "/", 0 },
		{ "00000003", 0 },
		{ "/00000003/", 0 },
		{ "//00000003//00003077", 0 },
		{ "00000003/00003150", -ENOENT },
		{ "nothing", -ENOENT },
		{ ".", -ENOENT },
		{ "00000003/00003000/x", -ENOTDIR },
	};
	struct looker look;

	(void)state;
	commit_tree(2000);
	looker_init(made.repo, ses.index, &look);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_found found = { 0 };

		unit_case(cases[i].path);
		assert_int_equal(cr_lookup(look.reader, &look.view,
					   look.snapshot, cases[i].path,
					   &found),
				 cases[i].want);
		cr_found_release(&found);
	}
	looker_release(&look);
}

static void a_walk_skips_what_it_is_told_to(void **state)
{
	cr_cleanup(cr_walk_closep) struct cr_walk *walk = NULL;
	struct cr_walk_item item;
	unsigned int entries = 0;
	struct cr_found root;
	struct looker look;
	int r;

	(void)state;
	commit_tree(3000);
	looker_init(made.repo, ses.index, &look);
	cr_snapshot_root(look.snapshot, &root);
	session_ok(cr_walk_open(look.reader, &look.view, &root, &walk));
	while ((r = cr_walk_next(walk, &item)) > 0) {
		entries += item.event == CR_WALK_ENTRY;
		if (item.depth == 1)
			cr_walk_skip(walk);
	}
	session_ok(r);
	assert_int_equal(entries, 1 + WIDTH);
	cr_walk_close(cr_take(walk));
	looker_release(&look);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_is_found_by_name_and_by_ordinal),
		cmocka_unit_test(one_changed_entry_rewrites_one_leaf),
		cmocka_unit_test(trees_are_read_by_hints_alone),
		cmocka_unit_test(paths_are_looked_up),
		cmocka_unit_test(a_walk_skips_what_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
