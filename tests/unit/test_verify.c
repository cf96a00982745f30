/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pieces of a tree say of each other is checked too, each path that
 * one of them loses is told, and an index that lost rows is not believed.
 */
#include "store/base/error.h"
#include "store/codec/list_encode.h"
#include "store/codec/tree_encode.h"
#include "store/read/verify.h"
#include "tests/unit/session.h"

static struct made_repo made;
static struct session ses;

static int setup(void **state)
{
	(void)state;
	if (cr_sodium_init() < 0)
		return -1;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	session_end(&ses);
	made_release(&made);
	return 0;
}

/* ---- Objects by hand ------------------------------------------------------
 */

static struct cr_id put(enum cr_chunk_type type, struct cr_buf *hashed)
{
	struct cr_hint where;
	struct cr_id id;

	session_ok(cr_buf_error(hashed));
	session_ok(cr_writer_put_object(
		ses.writer, type,
		(struct cr_piece){ hashed->bytes, hashed->len },
		(struct cr_piece){ NULL, 0 }, &id, &where));
	cr_buf_release(hashed);
	return id;
}

/* The id of nothing that is stored. */
static const struct cr_id nowhere = { { 0x4e, 0x6f } };

static struct cr_piece text(const char *string)
{
	return (struct cr_piece){ string, strlen(string) };
}

static struct cr_id put_text(enum cr_chunk_type type, const char *string)
{
	struct cr_buf hashed = { 0 };

	cr_buf_put(&hashed, string, strlen(string));
	return put(type, &hashed);
}

/* A leaf of @n entries; @ref: what those that have a ref refer to. */
static struct cr_id put_leaf(const struct cr_entry *entry, uint32_t n,
			     const struct cr_id *ref, uint32_t refs)
{
	struct cr_leaf_encoder enc;
	struct cr_buf hashed = { 0 };
	struct cr_id id;

	if (refs > 0) {
		session_ok(cr_refs_encode(NULL, ref, refs, &hashed));
		id = put(CR_CHUNK_REFS, &hashed);
	}
	session_ok(cr_leaf_encoder_init(&enc));
	for (uint32_t i = 0; i < n; i++)
		session_ok(cr_leaf_encoder_add(&enc, &entry[i]));
	session_ok(
		cr_leaf_encoder_finish(&enc, refs > 0 ? &id : NULL, &hashed));
	cr_leaf_encoder_release(&enc);
	return put(CR_CHUNK_LEAF, &hashed);
}

static struct cr_id put_dnode(const struct cr_dnode_child *child,
			      uint32_t children, uint8_t height)
{
	struct cr_buf hashed = { 0 };
	/* The encoder only reads. */
	const struct cr_dnode node = {
		.child = (struct cr_dnode_child *)(uintptr_t)child,
		.children = children,
		.height = height,
	};

	session_ok(cr_dnode_encode(&node, &hashed));
	return put(CR_CHUNK_DNODE, &hashed);
}

static struct cr_id put_llist(const struct cr_id *chunk, uint64_t len)
{
	struct cr_list_item item = { .len = len, .id = *chunk };
	const struct cr_llist list = { .item = &item, .items = 1 };
	struct cr_buf hashed = { 0 };

	session_ok(cr_llist_encode(&list, &hashed));
	return put(CR_CHUNK_LLIST, &hashed);
}

static struct cr_id put_lnode(const struct cr_id *below, uint64_t len,
			      uint8_t height)
{
	struct cr_list_item item = { .len = len, .id = *below };
	const struct cr_lnode node = { .child = &item,
				       .children = 1,
				       .height = height };
	struct cr_buf hashed = { 0 };

	session_ok(cr_lnode_encode(&node, &hashed));
	return put(CR_CHUNK_LNODE, &hashed);
}

static struct cr_id put_data(void)
{
	cr_cleanup(cr_stream_freep) struct cr_stream *stream = NULL;
	uint8_t bytes[1000] = { 1 };
	struct cr_id id;

	session_ok(cr_stream_new(ses.writer, &stream));
	session_ok(cr_stream_put(stream, CR_CHUNK_DATA,
				 (struct cr_piece)CR_PIECE(&bytes),
				 CR_CLASS_16K, &id));
	session_ok(cr_stream_flush(stream));
	return id;
}

static void commit(uint8_t content, const struct cr_id *root, int64_t time)
{
	struct cr_manifest manifest = {
		.root = { .type = CR_ENTRY_DIRECTORY,
			  .mode = 0755,
			  .nlink = 2,
			  .content = content },
		.root_id = *root,
	};

	(void)session_commit(&ses, &manifest, time);
}

/* ---- What verify finds ----------------------------------------------------
 */

struct found {
	unsigned int damaged, lost, notes;
	char path[256]; /* of the first that is lost */
	size_t path_len;
	bool below;
	int stop; /* to be returned */
};

static int note(void *arg, const struct cr_finding *finding)
{
	struct found *found = arg;

	assert_non_null(finding->why);
	switch (finding->kind) {
	case CR_FINDING_DAMAGE:
	case CR_FINDING_TAMPER:
		found->damaged++;
		break;
	case CR_FINDING_NOTE:
		found->notes++;
		break;
	case CR_FINDING_LOST:
		assert_non_null(finding->snapshot);
		if (found->lost++ > 0)
			break;
		found->below = finding->below;
		found->path_len = finding->path.len;
		(void)snprintf(found->path, sizeof(found->path), "%.*s",
			       (int)cr_min(finding->path.len, (size_t)255),
			       (const char *)finding->path.bytes);
		break;
	}
	return found->stop;
}

static int verify(struct cr_index *index, bool read_data, struct found *found)
{
	struct cr_verify_totals totals = { 0 };
	struct looker look;
	struct cr_verify job = {
		.set = &look.set,
		.read_data = read_data,
		.found = note,
		.arg = found,
		.totals = &totals,
	};
	int r;

	looker_init(made.repo, index, &look);
	job.reader = look.reader;
	r = cr_verify(&job);
	assert_int_equal(atomic_load(&totals.lost), found->lost);
	looker_release(&look);
	return r;
}

/* ---- Laws -----------------------------------------------------------------
 */

#define A_FILE(...)                                                      \
	{                                                                \
		.name = { "f", 1 }, .type = CR_ENTRY_FILE, .mode = 0644, \
		.nlink = 1, __VA_ARGS__                                  \
	}
#define A_LINK(...)                                                         \
	{                                                                   \
		.name = { "l", 1 }, .type = CR_ENTRY_SYMLINK, .mode = 0777, \
		.nlink = 1, .content = 1, __VA_ARGS__                       \
	}

static struct cr_id good_list(void)
{
	struct cr_id chunk = put_data();
	struct cr_id list = put_llist(&chunk, 1000);
	struct cr_entry e = A_FILE(.content = CR_CONTENT_LNODE, .size_class = 1,
				   .size = 1000, .data_bytes = 1000);
	struct cr_id top = put_lnode(&list, 1000, 1);

	return put_leaf(&e, 1, &top, 1);
}

static struct cr_id missing_chunk(void)
{
	struct cr_entry e = A_FILE(.content = CR_CONTENT_CHUNK, .size_class = 1,
				   .size = 1000, .data_bytes = 1000);

	return put_leaf(&e, 1, &nowhere, 1);
}

static struct cr_id missing_in_list(void)
{
	struct cr_id list = put_llist(&nowhere, 1000);
	struct cr_entry e = A_FILE(.content = CR_CONTENT_LLIST, .size_class = 1,
				   .size = 1000, .data_bytes = 1000);

	return put_leaf(&e, 1, &list, 1);
}

static struct cr_id list_of_another_size(void)
{
	struct cr_id chunk = put_data();
	struct cr_id list = put_llist(&chunk, 1000);
	struct cr_entry e = A_FILE(.content = CR_CONTENT_LLIST, .size_class = 1,
				   .size = 1001, .data_bytes = 1001);

	return put_leaf(&e, 1, &list, 1);
}

static struct cr_id list_of_another_height(void)
{
	struct cr_id chunk = put_data();
	struct cr_id list = put_llist(&chunk, 1000);
	struct cr_id one = put_lnode(&list, 1000, 1);
	struct cr_entry e = A_FILE(.content = CR_CONTENT_LNODE, .size_class = 1,
				   .size = 1000, .data_bytes = 1000);
	struct cr_id top = put_lnode(&one, 1000, 3);

	return put_leaf(&e, 1, &top, 1);
}

static struct cr_id missing_xattrs(void)
{
	struct cr_entry e =
		A_FILE(.has = CR_HAS_XATTR_OBJECT, .xattr_id = nowhere);

	return put_leaf(&e, 1, NULL, 0);
}

static struct cr_id bad_xattrs(void)
{
	struct cr_entry e =
		A_FILE(.has = CR_HAS_XATTR_OBJECT,
		       .xattr_id = put_text(CR_CHUNK_XATTR, "not a set"));

	return put_leaf(&e, 1, NULL, 0);
}

static struct cr_id missing_target(void)
{
	struct cr_entry e = A_LINK(.size = 300, .target_id = nowhere);

	return put_leaf(&e, 1, NULL, 0);
}

static struct cr_id short_target(void)
{
	struct cr_entry e =
		A_LINK(.size = 300,
		       .target_id = put_text(CR_CHUNK_LINK, "too short"));

	return put_leaf(&e, 1, NULL, 0);
}

static struct cr_id missing_directory(void)
{
	struct cr_entry e = { .name = { "d", 1 },
			      .type = CR_ENTRY_DIRECTORY,
			      .mode = 0755,
			      .nlink = 2,
			      .content = CR_CONTENT_DNODE };

	return put_leaf(&e, 1, &nowhere, 1);
}

/* The leaf that the dnodes below have under them. */
static struct cr_dnode_child one_file(void)
{
	struct cr_entry e = A_FILE(.content = CR_CONTENT_NONE);

	return (struct cr_dnode_child){ .first = text("f"),
					.entries = 1,
					.id = put_leaf(&e, 1, NULL, 0) };
}

static struct cr_id good_node(void)
{
	struct cr_dnode_child leaf = one_file();
	struct cr_dnode_child node = leaf;

	node.id = put_dnode(&leaf, 1, 1);
	return put_dnode(&node, 1, 2);
}

static struct cr_id node_of_more_entries(void)
{
	struct cr_dnode_child leaf = one_file();

	leaf.entries = 2;
	return put_dnode(&leaf, 1, 1);
}

static struct cr_id node_of_more_below(void)
{
	struct cr_dnode_child leaf = one_file();
	struct cr_dnode_child node = leaf;

	node.id = put_dnode(&leaf, 1, 1);
	node.entries = 7;
	return put_dnode(&node, 1, 2);
}

static struct cr_id node_of_another_height(void)
{
	struct cr_dnode_child leaf = one_file();
	struct cr_dnode_child node = leaf;

	node.id = put_dnode(&leaf, 1, 1);
	return put_dnode(&node, 1, 3);
}

static void what_does_not_fit_is_lost(void **state)
{
	static const struct {
		const char *what;
		struct cr_id (*put)(void);
		uint8_t content;
		bool below;
		const char *path; /* NULL: nothing is lost */
	} cases[] = {
		{ "a list", good_list, CR_CONTENT_LEAF, false, NULL },
		{ "a chunk", missing_chunk, CR_CONTENT_LEAF, false, "f" },
		{ "one in a list", missing_in_list, CR_CONTENT_LEAF, false,
		  "f" },
		{ "a list's size", list_of_another_size, CR_CONTENT_LEAF, false,
		  "f" },
		{ "a list's height", list_of_another_height, CR_CONTENT_LEAF,
		  false, "f" },
		{ "xattrs", missing_xattrs, CR_CONTENT_LEAF, false, "f" },
		{ "no set of xattrs", bad_xattrs, CR_CONTENT_LEAF, false, "f" },
		{ "a target", missing_target, CR_CONTENT_LEAF, false, "l" },
		{ "a short target", short_target, CR_CONTENT_LEAF, false, "l" },
		{ "a directory", missing_directory, CR_CONTENT_LEAF, true,
		  "d" },
		{ "nodes", good_node, CR_CONTENT_DNODE, false, NULL },
		{ "a leaf's entries", node_of_more_entries, CR_CONTENT_DNODE,
		  true, "" },
		{ "a node's entries", node_of_more_below, CR_CONTENT_DNODE,
		  true, "" },
		{ "a node's height", node_of_another_height, CR_CONTENT_DNODE,
		  true, "" },
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_id root = cases[i].put();

		unit_case(cases[i].what);
		/* Each snapshot that shares it loses it. */
		commit(cases[i].content, &root, 1000);
		commit(cases[i].content, &root, 1001);
		for (int read_data = 0; read_data < 2; read_data++) {
			struct found found = { 0 };

			session_ok(verify(ses.index, read_data, &found));
			assert_int_equal(found.damaged, 0);
			assert_int_equal(found.lost, cases[i].path ? 2 : 0);
			assert_int_equal(found.below, cases[i].below);
			if (cases[i].path)
				assert_string_equal(found.path, cases[i].path);
		}
		(void)teardown(state);
		(void)setup(state);
	}
}

#define DEPTH 3000

static void depth_is_no_matter(void **state)
{
	struct cr_entry e = { .name = { "d", 1 },
			      .type = CR_ENTRY_DIRECTORY,
			      .mode = 0755,
			      .nlink = 2,
			      .content = CR_CONTENT_LEAF };
	struct found found = { 0 };
	struct cr_id id = missing_chunk();

	(void)state;
	for (int i = 0; i < DEPTH; i++)
		id = put_leaf(&e, 1, &id, 1);
	commit(CR_CONTENT_LEAF, &id, 1000);
	session_ok(verify(ses.index, false, &found));
	assert_int_equal(found.lost, 1);
	assert_int_equal(found.path_len, 2 * DEPTH + 1);
}

static int add_without_rows(void *arg, uint32_t number,
			    const struct cr_pack_facts *facts)
{
	uint32_t other;

	(void)number;
	return cr_index_add_pack(arg, facts, NULL, &other);
}

/* It knows every pack, so nothing is looked for elsewhere. */
static void an_index_that_lost_rows_is_not_believed(void **state)
{
	struct cr_state *other = session_state(&made, "other");
	struct cr_index *index = NULL;
	struct found found = { 0 };
	struct cr_id root = good_list();

	(void)state;
	commit(CR_CONTENT_LEAF, &root, 1000);
	session_ok(cr_state_lock(other, false, NULL));
	session_ok(
		cr_index_open(other, CR_INDEX_PRIMARY, SESSION_MEMORY, &index));
	session_ok(cr_index_each_pack(ses.index, add_without_rows, index));
	assert_int_equal(verify(index, false, &found), -CR_EINDEX);
	assert_int_equal(found.lost, 0);
	cr_index_close(index);
	cr_state_close(other);
}

static void who_is_told_may_end_it(void **state)
{
	struct found found = { .stop = -EPIPE };
	struct cr_id root = missing_chunk();

	(void)state;
	commit(CR_CONTENT_LEAF, &root, 1000);
	commit(CR_CONTENT_LEAF, &root, 1001);
	assert_int_equal(verify(ses.index, false, &found), -EPIPE);
	assert_int_equal(found.lost, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_lost,
						setup, teardown),
		cmocka_unit_test_setup_teardown(depth_is_no_matter, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			an_index_that_lost_rows_is_not_believed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(who_is_told_may_end_it, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
