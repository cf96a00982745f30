/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stood at a path is told for every snapshot, and costs a read for each
 * version of the directories on the way: histories, names, searches.
 */
#include "store/read/history.h"

#include "store/read/known.h"
#include "store/read/search.h"
#include "store/write/dir_builder.h"
#include "tests/unit/session.h"

#define MANY 1000
#define DAY  86400

static struct made_repo made;
static struct session ses;
static struct looker look;

/* Snapshots that differ from the only one there is in time and root. */
static struct cr_snapshot made_snapshot[MANY];
static const struct cr_snapshot *snapshot[MANY];
static struct cr_history_of of;
static uint32_t told; /* damages */

static int setup(void **state)
{
	(void)state;
	if (cr_sodium_init() < 0)
		return -1;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	of = (struct cr_history_of){ .snapshot = snapshot };
	told = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	looker_release(&look);
	session_end(&ses);
	made_release(&made);
	return 0;
}

/* ---- Trees ---- */

struct tree {
	uint8_t content;
	struct cr_id id;
};

static const struct tree no_tree;
static const struct tree lost = { CR_CONTENT_LEAF, { { 0x4e, 0x6f } } };

struct spec {
	const char *name;
	const char *text;	 /* of a file; or NULL */
	const struct tree *tree; /* of a directory; or NULL: a symlink */
	uint16_t mode;
	int64_t mtime;
};

static void add(struct cr_dir_builder *b, const struct spec *spec)
{
	struct cr_entry_content content = { 0 };
	struct cr_entry entry = {
		.name = { spec->name, strlen(spec->name) },
		.type = CR_ENTRY_SYMLINK,
		.mode = spec->mode ? spec->mode : 0644,
		.nlink = 1,
		.mtime = { spec->mtime, 0 },
		.size = 1,
		.target = { "t", 1 },
	};

	if (spec->tree) {
		entry.type = CR_ENTRY_DIRECTORY;
		entry.size = 0;
		entry.content = spec->tree->content;
		entry.target = (struct cr_piece){ 0 };
		content.id = spec->tree->id;
	} else if (spec->text) {
		entry.type = CR_ENTRY_FILE;
		entry.size = entry.data_bytes = strlen(spec->text);
		entry.content =
			entry.size ? CR_CONTENT_INLINE : CR_CONTENT_NONE;
		entry.target = (struct cr_piece){ 0 };
		content.inlined = (struct cr_piece){ spec->text, entry.size };
	}
	session_ok(cr_dir_builder_add(b, &entry, &content));
}

static struct tree put_n(const struct spec *spec, size_t n)
{
	cr_cleanup(cr_stream_freep) struct cr_stream *stream = NULL;
	cr_cleanup(cr_dir_builder_release) struct cr_dir_builder b;
	struct cr_hint where;
	struct tree tree;

	session_ok(cr_stream_new(ses.writer, &stream));
	session_ok(cr_dir_builder_init(&b, ses.writer, stream));
	for (size_t i = 0; i < n; i++)
		add(&b, &spec[i]);
	session_ok(cr_dir_builder_finish(&b, &tree.content, &tree.id, &where));
	session_ok(cr_stream_flush(stream));
	return tree;
}

#define put(...)                                    \
	put_n((const struct spec[]){ __VA_ARGS__ }, \
	      CR_ARRAY_LEN(((const struct spec[]){ __VA_ARGS__ })))

/* The next snapshots have @tree. */
static void show(const struct tree *tree, uint32_t times)
{
	for (; times > 0; times--, of.count++) {
		assert_true(of.count < MANY);
		made_snapshot[of.count].manifest.root.content = tree->content;
		made_snapshot[of.count].manifest.root_id = tree->id;
	}
	of.newest = of.count - 1;
}

/* All is shown: begin to look. */
static void begin(void)
{
	(void)session_commit_empty(&ses, DAY);
	looker_init(made.repo, NULL, &look);
	for (uint32_t i = 0; i < of.count; i++) {
		struct tree tree = {
			made_snapshot[i].manifest.root.content,
			made_snapshot[i].manifest.root_id,
		};

		made_snapshot[i] = *look.snapshot;
		made_snapshot[i].head.time = DAY + i;
		made_snapshot[i].manifest.root.content = tree.content;
		made_snapshot[i].manifest.root_id = tree.id;
		snapshot[i] = &made_snapshot[i];
	}
}

static void tell(void *arg, const struct cr_version *dir, struct cr_piece name,
		 int error)
{
	(void)arg;
	(void)name;
	assert_true(error < 0);
	assert_int_equal(dir->error == 0 || dir->error == error, 1);
	told++;
}

static struct cr_history_reader reader(void)
{
	return (struct cr_history_reader){ .reader = look.reader,
					   .damaged = tell };
}

static uint64_t reads(void)
{
	struct cr_reader_stats stats = looker_stats(&look);

	return stats.hits + stats.misses;
}

/* ---- Histories ---- */

static void history_of(const char *path, struct cr_history *ret)
{
	struct cr_history_reader by = reader();

	session_ok(cr_history_path(
		&by, &of, (struct cr_piece){ path, strlen(path) }, ret));
}

/* As "0-1 2 4-": where each version was; "!" where it cannot be told. */
static const char *spans(const struct cr_history *history)
{
	static char text[512];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < history->count; i++) {
		const struct cr_version *v = &history->version[i];

		assert_ptr_equal(v->since, snapshot[v->first]);
		assert_ptr_equal(v->until, snapshot[v->last]);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%s%u-%u", len > 0 ? " " : "",
					v->error < 0 ? "!" : "", v->first,
					v->last);
		assert_true(len < sizeof(text));
	}
	return text;
}

static void a_path_is_followed_through_all_snapshots(void **state)
{
	static const struct {
		const char *path, *want;
		int distinct;
		bool gone;
	} cases[] = {
		{ "", "0-1 2-2 3-3 4-4", 4, false },
		{ "d", "0-1 2-2 3-3 4-4", 4, false },
		{ "d/f", "0-1 2-2 4-4", 2, false },
		{ "d/same", "0-4", 1, false },
		{ "/d//same/", "0-4", 1, false },
		{ "d/gone", "0-1", 1, true },
		{ "d/was", "2-2 3-3", 2, true },
		{ "d/was/in", "3-3", 1, true },
		{ "d/was/in/side", "", 0, false },
		{ "d/never", "", 0, false },
		{ "never/there", "", 0, false },
	};
	const struct tree in = put({ "in", "x", NULL, 0, 0 });
	const struct tree d[] = {
		put({ "f", "one", NULL, 0, 1 }, { "gone", "", NULL, 0, 0 },
		    { "same", "text", NULL, 0, 5 }),
		put({ "f", "two", NULL, 0, 2 }, { "same", "text", NULL, 0, 5 },
		    { "was", "file", NULL, 0, 0 }),
		put({ "same", "text", NULL, 0, 5 }, { "was", NULL, &in, 0, 0 }),
		put({ "f", "one", NULL, 0, 1 }, { "same", "text", NULL, 0, 5 }),
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(d); i++) {
		const struct tree root = put({ "d", NULL, &d[i], 0, 0 });

		show(&root, i == 0 ? 2 : 1);
	}
	begin();
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_history_release) struct cr_history history;
		struct cr_history_reader by = reader();

		unit_case(cases[i].path);
		history_of(cases[i].path, &history);
		assert_string_equal(spans(&history), cases[i].want);
		assert_int_equal(cr_history_distinct(&by, &history, NULL),
				 cases[i].distinct);
		assert_int_equal(cr_history_is_gone(&history), cases[i].gone);
	}
	assert_int_equal(told, 0);
}

static void what_became_what_it_was_is_no_new_version(void **state)
{
	const struct tree a =
		put({ "f", "one", NULL, 0, 1 }, { "g", "later", NULL, 0, 0 });
	const struct tree b = put({ "f", "two", NULL, 0, 2 });
	const struct tree c =
		put({ "e", "earlier", NULL, 0, 0 }, { "f", "one", NULL, 0, 1 });
	cr_cleanup(cr_history_release) struct cr_history history;
	struct cr_history_reader by;
	uint32_t same[3];

	(void)state;
	show(&a, 1);
	show(&b, 1);
	show(&c, 1); /* its bytes lie elsewhere */
	begin();
	by = reader();
	history_of("f", &history);
	assert_int_equal(history.count, 3);
	assert_int_equal(cr_history_distinct(&by, &history, same), 2);
	assert_int_equal(same[0], 0);
	assert_int_equal(same[1], 1);
	assert_int_equal(same[2], 0);
}

static void what_changed_is_told(void **state)
{
	static const struct {
		struct spec to;
		int want;
	} cases[] = {
		{ { "f", "text", NULL, 0644, 7 }, 0 },
		{ { "f", "text", NULL, 0600, 7 }, CR_CHANGE_MODE },
		{ { "f", "text", NULL, 0644, 8 }, CR_CHANGE_MTIME },
		{ { "f", "TEXT", NULL, 0644, 7 }, CR_CHANGE_CONTENT },
		{ { "f", "longer", NULL, 0600, 9 },
		  CR_CHANGE_CONTENT | CR_CHANGE_MODE | CR_CHANGE_MTIME },
		{ { "f", NULL, NULL, 0644, 7 }, CR_CHANGE_TYPE },
		{ { "f", NULL, &no_tree, 0644, 7 }, CR_CHANGE_TYPE },
	};
	const struct tree before = put({ "f", "text", NULL, 0644, 7 });
	cr_cleanup(cr_history_release) struct cr_history was = { 0 };
	struct cr_history_reader by;

	(void)state;
	show(&before, 1);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		/* Another file before it: its bytes lie elsewhere. */
		const struct tree tree =
			put({ "a", "moves", NULL, 0, 0 }, cases[i].to);

		show(&tree, 1);
	}
	begin();
	by = reader();
	of.count = 1;
	history_of("f", &was);
	for (uint32_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_history_release) struct cr_history is;

		print_message("  case: %u\n", i);
		of.snapshot = snapshot + 1 + i;
		snapshot[1 + i] = &made_snapshot[1 + i];
		history_of("f", &is);
		assert_int_equal(
			cr_version_changes(&by, was.version, is.version),
			cases[i].want);
		assert_int_equal(cr_version_same(&by, was.version, is.version),
				 cases[i].want == 0);
	}
	of.snapshot = snapshot;
}

static void unchanged_snapshots_cost_nothing(void **state)
{
	cr_cleanup(cr_history_release) struct cr_history history;
	uint64_t before;
	char text[32];

	(void)state;
	/* The directory of the file changes 10 times in 1,000 snapshots. */
	for (int i = 0; i < 10; i++) {
		struct tree dir, root;

		(void)snprintf(text, sizeof(text), "%d", i);
		dir = put({ "f", "same", NULL, 0, 3 },
			  { "g", text, NULL, 0, 0 });
		root = put({ "d", NULL, &dir, 0, 0 });
		show(&root, MANY / 10);
	}
	begin();
	assert_int_equal(of.count, MANY);
	before = reads();
	history_of("d/f", &history);
	assert_string_equal(spans(&history), "0-999");
	/*
	 * Root and d are read once each time they changed: a leaf and what it
	 * refers to; and the bytes of the file where they lie elsewhere.
	 */
	assert_in_range(reads() - before, 10, 10 * (2 + 2 + 2));
}

static void damage_is_told_and_the_rest_served(void **state)
{
	const struct tree good = put({ "f", "one", NULL, 0, 1 });
	const struct tree next = put({ "f", "two", NULL, 0, 2 });
	struct cr_history_reader by;
	struct cr_known_want want = { .max = 10, .bytes = 1 << 20 };

	(void)state;
	show(&good, 2);
	show(&lost, 2);
	show(&next, 1);
	begin();
	by = reader();
	{
		cr_cleanup(cr_history_release) struct cr_history history;

		history_of("f", &history);
		assert_string_equal(spans(&history), "0-1 !2-3 4-4");
		assert_int_equal(told, 1);
		assert_int_equal(history.version[1].error, -CR_EMISSING);
		assert_int_equal(cr_history_distinct(&by, &history, NULL), 2);
	}
	{
		cr_cleanup(cr_history_release) struct cr_history root;
		cr_cleanup(
			cr_known_release) struct cr_known_names names = { 0 };

		session_ok(cr_history_root(&by, &of, &root));
		session_ok(cr_known_read(&by, &root, &want, &names));
		assert_int_equal(names.count, 1);
		assert_int_equal(names.error, -CR_EMISSING);
		assert_int_equal(names.newest_error, 0);
		assert_int_equal(told, 2);
	}
	{
		cr_cleanup(cr_history_release) struct cr_history root, history;
		cr_cleanup(
			cr_known_release) struct cr_known_names names = { 0 };

		of.newest = 2;
		session_ok(cr_history_root(&by, &of, &root));
		session_ok(cr_known_read(&by, &root, &want, &names));
		assert_int_equal(names.newest_error, -CR_EMISSING);
		/* So it cannot be said to be gone. */
		history_of("f", &history);
		assert_false(cr_history_is_gone(&history));
	}
}

/* ---- Names ---- */

/* So many names at once: all of them, each followed by a blank. */
static const char *names_of(const struct cr_history *dir, size_t max,
			    uint64_t (*key)(void *arg, struct cr_piece name))
{
	static char text[512];
	struct cr_history_reader by = reader();
	struct cr_known_want want = { .max = max,
				      .bytes = 1 << 20,
				      .key = key };
	char after[CR_NAME_MAX];
	size_t len = 0;
	bool more;

	text[0] = '\0';
	do {
		cr_cleanup(
			cr_known_release) struct cr_known_names names = { 0 };

		session_ok(cr_known_read(&by, dir, &want, &names));
		assert_true(names.count <= max);
		for (size_t i = 0; i < names.count; i++) {
			const struct cr_known *known = names.known[i];

			len += (size_t)snprintf(
				text + len, sizeof(text) - len,
				"%.*s:%u-%u%s%s ", (int)known->name_len,
				(const char *)known->name, known->first,
				known->last, known->present ? "" : "-",
				known->types & 1 << CR_ENTRY_DIRECTORY ? "/"
								       : "");
			assert_true(len < sizeof(text));
			want.after_key = known->key;
			memcpy(after, known->name, known->name_len);
			want.after =
				(struct cr_piece){ after, known->name_len };
		}
		more = names.more;
	} while (more);
	return text;
}

static uint64_t backwards(void *arg, struct cr_piece name)
{
	(void)arg;
	/* Two names have each key. */
	return 255 - (*(const uint8_t *)name.bytes | 1);
}

static void all_names_that_ever_were(void **state)
{
	const struct tree sub = put({ "x", "", NULL, 0, 0 });
	const struct tree t[] = {
		put({ "a", "", NULL, 0, 0 }, { "c", "", NULL, 0, 0 },
		    { "d", NULL, &sub, 0, 0 }),
		put({ "b", "", NULL, 0, 0 }, { "c", NULL, &sub, 0, 0 },
		    { "f", "", NULL, 0, 0 }),
		put({ "b", "", NULL, 0, 0 }, { "d", "", NULL, 0, 0 },
		    { "e", "", NULL, 0, 0 }),
	};
	cr_cleanup(cr_history_release) struct cr_history root;
	struct cr_history_reader by;

	(void)state;
	show(&t[0], 3);
	show(&no_tree, 1);
	show(&t[1], 1);
	show(&t[2], 2);
	begin();
	by = reader();
	session_ok(cr_history_root(&by, &of, &root));
	for (size_t max = 1; max < 8; max++) {
		print_message("  case: %zu at once\n", max);
		assert_string_equal(names_of(&root, max, NULL),
				    "a:0-2- b:4-6 c:0-4-/ d:0-6/ e:5-6 "
				    "f:4-4- ");
		assert_string_equal(names_of(&root, max, backwards),
				    "f:4-4- d:0-6/ e:5-6 b:4-6 c:0-4-/ "
				    "a:0-2- ");
	}
}

/* ---- Searching ---- */

struct hunt {
	const char *name;
	uint32_t found, damaged;
	char last[300];
	uint32_t first_seen, last_seen, versions;
	bool ordered;
};

static bool matches(void *arg, struct cr_piece path, struct cr_piece name)
{
	const struct hunt *hunt = arg;

	assert_true(path.len >= name.len);
	return memmem(name.bytes, name.len, hunt->name, strlen(hunt->name));
}

static int found(void *arg, struct cr_piece path,
		 const struct cr_history *history)
{
	struct hunt *hunt = arg;
	char text[300];

	(void)snprintf(text, sizeof(text), "%.*s", (int)path.len,
		       (const char *)path.bytes);
	hunt->ordered &= strcmp(hunt->last, text) < 0;
	memcpy(hunt->last, text, sizeof(text));
	hunt->found++;
	hunt->first_seen = history->version[0].first;
	hunt->last_seen = history->version[history->count - 1].last;
	hunt->versions = history->count;
	return 0;
}

static void missed(void *arg, struct cr_piece path,
		   const struct cr_snapshot *in, int error)
{
	struct hunt *hunt = arg;

	(void)path;
	assert_non_null(in);
	assert_true(error < 0);
	hunt->damaged++;
}

static struct hunt search(const char *name, size_t memory)
{
	struct hunt hunt = { .name = name, .ordered = true };
	cr_cleanup(cr_search_freep) struct cr_search *s = NULL;

	session_ok(cr_search_new(
		&(struct cr_search_options){ .reader = look.reader,
					     .memory = memory,
					     .matches = matches,
					     .found = found,
					     .damaged = missed,
					     .arg = &hunt },
		&s));
	session_ok(cr_search_run(s, &of));
	return hunt;
}

static void a_search_tells_each_path_once(void **state)
{
	const struct tree deep = put({ "report", "1", NULL, 0, 1 });
	const struct tree deep2 = put({ "report", "22", NULL, 0, 2 });
	const struct tree mid[] = {
		put({ "a", NULL, &deep, 0, 0 }, { "b", NULL, &deep, 0, 0 }),
		put({ "a", NULL, &deep2, 0, 0 }, { "b", NULL, &deep, 0, 0 }),
		put({ "a", NULL, &deep2, 0, 0 }),
	};
	struct hunt hunt;

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(mid); i++) {
		const struct tree root = put({ "m", NULL, &mid[i], 0, 0 },
					     { "reports", NULL, &deep, 0, 0 });
		show(&root, 2);
	}
	begin();
	hunt = search("report", 1 << 20);
	assert_int_equal(hunt.found, 4); /* m/a, m/b, reports, reports/report */
	assert_true(hunt.ordered);
	hunt = search("b", 1 << 20);
	assert_int_equal(hunt.found, 1);
	assert_string_equal(hunt.last, "m/b");
	assert_int_equal(hunt.first_seen, 0);
	assert_int_equal(hunt.last_seen, 3);
	assert_int_equal(hunt.versions, 1);
	hunt = search("a", 1 << 20);
	assert_int_equal(hunt.versions, 2);
	assert_int_equal(search("nothing", 1 << 20).found, 0);
}

static void a_tree_that_holds_itself_often_is_no_trap(void **state)
{
	enum { LEVELS = 12, WIDTH = 40 };
	struct tree tree = put({ "x", "x", NULL, 0, 0 });
	char name[WIDTH][4];
	uint64_t before;

	(void)state;
	/* 40^12 paths, and 13 directories. */
	for (int level = 0; level < LEVELS; level++) {
		struct spec spec[WIDTH];
		const struct tree below = tree;

		for (int i = 0; i < WIDTH; i++) {
			(void)snprintf(name[i], sizeof(name[i]), "%02d", i);
			spec[i] = (struct spec){ name[i], NULL, &below, 0, 0 };
		}
		tree = put_n(spec, WIDTH);
	}
	show(&tree, 3);
	begin();
	before = reads();
	assert_int_equal(search("nothing", 1 << 20).found, 0);
	assert_in_range(reads() - before, LEVELS, 3 * (LEVELS + 1));
}

static void little_memory_finds_as_much(void **state)
{
	enum { NAMES = 3000 };
	static char name[NAMES][16];
	static struct spec spec[NAMES];
	const struct tree sub = put({ "leaf", "x", NULL, 0, 0 });
	const struct tree one = put({ "a", "", NULL, 0, 0 });
	struct tree tree;

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "n%05d", i);
		spec[i] = (struct spec){ name[i], i % 3 ? "x" : NULL,
					 i % 3 ? NULL : &sub, 0, 0 };
	}
	show(&one, 1);
	tree = put_n(spec, NAMES / 2);
	show(&tree, 1);
	tree = put_n(spec, NAMES);
	show(&tree, 1);
	begin();
	for (size_t memory = 1 << 10; memory < 64 << 20; memory <<= 5) {
		struct hunt hunt = search("n", memory);

		print_message("  case: %zu bytes\n", memory);
		assert_int_equal(hunt.found, NAMES);
		assert_true(hunt.ordered);
		assert_int_equal(search("leaf", memory).found, NAMES / 3);
	}
}

static void a_search_goes_on_after_damage(void **state)
{
	const struct tree good = put({ "f", "x", NULL, 0, 0 });
	const struct tree root =
		put({ "a", NULL, &lost, 0, 0 }, { "b", NULL, &good, 0, 0 },
		    { "c", NULL, &lost, 0, 0 });
	struct hunt hunt;

	(void)state;
	show(&root, 3);
	show(&lost, 1);
	begin();
	hunt = search("f", 1 << 20);
	assert_int_equal(hunt.found, 1);
	assert_string_equal(hunt.last, "b/f");
	assert_int_equal(hunt.damaged, 3); /* a, c, the last root */
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_path_is_followed_through_all_snapshots),
		CASE(what_became_what_it_was_is_no_new_version),
		CASE(what_changed_is_told),
		CASE(unchanged_snapshots_cost_nothing),
		CASE(damage_is_told_and_the_rest_served),
		CASE(all_names_that_ever_were),
		CASE(a_search_tells_each_path_once),
		CASE(a_tree_that_holds_itself_often_is_no_trap),
		CASE(little_memory_finds_as_much),
		CASE(a_search_goes_on_after_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
