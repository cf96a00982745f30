/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/inode.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/disk/keyring.h"
#include "store/read/snapshots.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define CACHE_BYTES (1u << 20)
#define NAME_LEN    8

/*
 * A made-up tree: a directory's id says how many entries it has, and in how
 * many a page.  Entry n is called "n00000n0", so that there are names between
 * any two; every 7th is a directory like its parent but one level lower, every
 * 11th a link of group n / 22, every 13th a symlink.
 */
struct shape {
	uint32_t entries;
	uint32_t page;
	uint32_t depth;
};

struct world {
	struct cr_inodes *inodes;
	atomic_uint reads;
	atomic_int error; /* what reading a page gives, when not 0 */
	bool lie;	  /* pages of another id */
	struct cr_domain_keys domain;
	struct cr_view view;
	struct cr_snapshot snapshot[2];
};

static struct cr_tree_ref ref_of(const struct shape *shape)
{
	struct cr_tree_ref ref = {
		.content = shape->entries == 0		   ? CR_CONTENT_NONE
			   : shape->entries <= shape->page ? CR_CONTENT_LEAF
							   : CR_CONTENT_DNODE,
	};

	memcpy(ref.id.bytes + 4, shape, sizeof(*shape));
	return ref;
}

static struct shape shape_of(const struct cr_tree_ref *ref)
{
	struct shape shape;

	memcpy(&shape, ref->id.bytes + 4, sizeof(shape));
	return shape;
}

static void entry_fill(struct cr_entry *entry, uint32_t n,
		       const struct shape *shape)
{
	*entry = (struct cr_entry){
		.type = CR_ENTRY_FILE,
		.mode = 0644,
		.size = n,
		.nlink = 1,
		.mtime = { n, 0 },
	};
	if (n % 7 == 0 && shape->depth > 0) {
		entry->type = CR_ENTRY_DIRECTORY;
		entry->content = CR_CONTENT_LEAF;
	} else if (n % 11 == 0) {
		entry->nlink = 2;
		entry->has = CR_HAS_LINK;
		entry->size = 0;
		entry->mtime.sec = 0;
		entry->link.bytes[0] = (uint8_t)(n / 22 + 1);
	} else if (n % 13 == 0) {
		entry->type = CR_ENTRY_SYMLINK;
	}
}

/* What one page needs, in one piece of memory each. */
static struct cr_page *page_of(const struct cr_tree_ref *ref, uint32_t first)
{
	struct shape shape = shape_of(ref), below = shape;
	struct cr_page *page = calloc(1, sizeof(*page));
	uint32_t n = cr_min(shape.page, shape.entries - first);
	char name[NAME_LEN + 1];

	assert_non_null(page);
	page->first = first;
	page->id = ref->id;
	if (ref->content == CR_CONTENT_DNODE)
		memcpy(page->id.bytes, &first, sizeof(first));
	page->leaf.entry = calloc(n, sizeof(*page->leaf.entry));
	page->hint = calloc(n, sizeof(*page->hint));
	page->leaf.entries = page->leaf.refs = n;
	below.depth -= below.depth > 0;
	for (uint32_t i = 0; i < n; i++) {
		struct cr_tree_ref down = ref_of(&below);

		(void)snprintf(name, sizeof(name), "n%06u0",
			       (first + i) % 1000000);
		cr_buf_put(&page->leaf_bytes, name, NAME_LEN);
		cr_buf_id(&page->refs_bytes, &down.id);
		entry_fill(&page->leaf.entry[i], first + i, &shape);
		if (page->leaf.entry[i].type == CR_ENTRY_DIRECTORY)
			page->leaf.entry[i].content = down.content;
		page->leaf.entry[i].ref = i;
	}
	for (uint32_t i = 0; i < n; i++)
		page->leaf.entry[i].name = (struct cr_piece){
			page->leaf_bytes.bytes + (size_t)i * NAME_LEN, NAME_LEN
		};
	page->refs.ids = page->refs_bytes.bytes;
	page->refs.count = n;
	return page;
}

static int read_page(void *arg, const struct cr_page_want *want,
		     struct cr_page **page, uint64_t *entries)
{
	struct world *world = arg;
	struct shape shape = shape_of(&want->tree);
	uint32_t ordinal = (uint32_t)want->ordinal;
	char name[NAME_LEN + 1] = "";

	atomic_fetch_add(&world->reads, 1);
	if (atomic_load(&world->error))
		return cr_fail(-atomic_load(&world->error), "told to fail");
	*entries = shape.entries;
	if (want->by_name) {
		memcpy(name, want->name.bytes,
		       cr_min(want->name.len, (size_t)NAME_LEN));
		if (want->name.len != NAME_LEN || name[0] != 'n' ||
		    name[NAME_LEN - 1] != '0')
			return -ENOENT;
		ordinal = (uint32_t)(strtoul(name + 1, NULL, 10) / 10);
	}
	if (ordinal >= shape.entries)
		return -ENOENT;
	*page = page_of(&want->tree, ordinal - ordinal % shape.page);
	if (world->lie)
		(*page)->id.bytes[31]++;
	return 0;
}

static void world_init(struct world *world, struct shape shape, size_t cache)
{
	const struct cr_inodes_options options = {
		.cache_bytes = cache,
		.page = read_page,
		.arg = world,
	};
	struct cr_tree_ref ref = ref_of(&shape);

	memset(world, 0, sizeof(*world));
	world->view.domain = &world->domain;
	for (size_t i = 0; i < CR_ARRAY_LEN(world->snapshot); i++) {
		struct cr_snapshot *s = &world->snapshot[i];

		memcpy(s->source, "source", sizeof("source"));
		s->id.bytes[0] = (uint8_t)(i + 1);
		s->manifest.root = (struct cr_entry){
			.type = CR_ENTRY_DIRECTORY,
			.content = ref.content,
			.nlink = 2,
		};
		s->manifest.root_id = ref.id;
	}
	assert_int_equal(cr_inodes_new(&options, &world->inodes), 0);
}

/* Nothing may be left that nobody needs. */
static void world_release(struct world *world)
{
	struct cr_inodes_stats stats;

	cr_inodes_get_stats(world->inodes, &stats);
	assert_int_equal(stats.lookups, 0);
	assert_int_equal(stats.shelves, 0);
	assert_int_equal(stats.folders, 0);
	cr_inodes_free(world->inodes);
}

static void open_root(struct world *world, size_t i, struct cr_node *ret)
{
	const struct cr_date date = {
		.kind = CR_DATE_SNAPSHOT,
		.snapshot = &world->snapshot[i],
	};

	assert_int_equal(cr_node_date(world->inodes, &world->view, &date, ret),
			 0);
}

static struct cr_piece name_of(uint32_t n, char *room)
{
	(void)snprintf(room, NAME_LEN + 1, "n%06u0", n % 1000000);
	return (struct cr_piece){ room, NAME_LEN };
}

/* Look up entry @n of @dir as the kernel would. */
static struct cr_node_name look_up(struct cr_node *dir, uint32_t n)
{
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	struct cr_node_name name;
	char room[NAME_LEN + 1];

	assert_int_equal(cr_node_child(dir, name_of(n, room), &node), 0);
	cr_node_count(&node, &name);
	return name;
}

static const struct shape shapes[] = {
	{ 0, 4, 1 },  { 1, 4, 1 },     { 4, 4, 1 },	  { 5, 4, 1 },
	{ 16, 4, 1 }, { 1000, 64, 1 }, { 1024, 1024, 1 },
};

static void names_and_ordinals_agree(void **state)
{
	(void)state;
	for (size_t s = 0; s < CR_ARRAY_LEN(shapes); s++) {
		cr_cleanup(cr_node_release) struct cr_node root = { 0 };
		struct world world;

		print_message("  case: %u entries\n", shapes[s].entries);
		world_init(&world, shapes[s], CACHE_BYTES);
		open_root(&world, 0, &root);
		for (uint32_t n = 0; n < shapes[s].entries; n++) {
			cr_cleanup(cr_node_release) struct cr_node a = { 0 };
			cr_cleanup(cr_node_release) struct cr_node b = { 0 };
			char room[NAME_LEN + 1];

			assert_int_equal(cr_node_at(&root, n, &a), 0);
			assert_int_equal(
				cr_node_child(&root, name_of(n, room), &b), 0);
			assert_int_equal(a.id, b.id);
			assert_memory_equal(a.entry->name.bytes, room,
					    NAME_LEN);
		}
		cr_node_release(&root);
		world_release(&world);
	}
}

static void nothing_else_is_found(struct cr_node *root, uint32_t entries)
{
	static const char *const absent[] = {
		"a",	    "n", "n0000005",  "n0000015", "n0000045",
		"n9999990", "z", "n00000000", "n000000",
	};
	struct cr_node node;

	assert_int_equal(cr_node_at(root, entries, &node), -ENOENT);
	assert_int_equal(cr_node_at(root, UINT64_MAX, &node), -ENOENT);
	for (size_t i = 0; i < CR_ARRAY_LEN(absent); i++) {
		struct cr_piece name = { absent[i], strlen(absent[i]) };

		assert_int_equal(cr_node_child(root, name, &node), -ENOENT);
	}
}

static void what_is_not_there_is_not_found(void **state)
{
	(void)state;
	for (size_t s = 0; s < CR_ARRAY_LEN(shapes); s++) {
		cr_cleanup(cr_node_release) struct cr_node root = { 0 };
		struct world world;
		unsigned int reads;

		world_init(&world, shapes[s], CACHE_BYTES);
		open_root(&world, 0, &root);
		/* Before any page is known, and after all are. */
		nothing_else_is_found(&root, shapes[s].entries);
		for (uint32_t n = 0; n < shapes[s].entries; n++)
			(void)look_up(&root, n);
		reads = atomic_load(&world.reads);
		nothing_else_is_found(&root, shapes[s].entries);
		assert_int_equal(atomic_load(&world.reads), reads);
		cr_node_release(&root);
		cr_inodes_free(world.inodes);
	}
}

static void a_page_is_stepped_through(void **state)
{
	const struct shape shape = { 10, 4, 0 };
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	struct world world;
	uint32_t n = 0;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &root);
	while (n < shape.entries) {
		cr_cleanup(cr_node_release) struct cr_node node = { 0 };

		assert_int_equal(cr_node_at(&root, n, &node), 0);
		do
			assert_int_equal(node.entry->size, n % 11 == 0 ? 0 : n);
		while (n++, cr_node_next(&node));
	}
	assert_int_equal(n, shape.entries);
	assert_int_equal(atomic_load(&world.reads), 3);
	cr_node_release(&root);
	world_release(&world);
}

static void an_id_is_good_until_it_is_forgotten(void **state)
{
	const struct shape shape = { 10, 4, 0 };
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	struct cr_node_name a, b, again;
	struct world world;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &root);
	a = look_up(&root, 1);
	b = look_up(&root, 2);
	assert_int_equal(a.id >> CR_NODE_SHIFT, b.id >> CR_NODE_SHIFT);
	assert_true(a.id != b.id);
	cr_node_release(&root);

	assert_int_equal(cr_node_open(world.inodes, a.id, &node), 0);
	assert_int_equal(node.entry->size, 1);
	cr_node_release(&node);
	cr_node_forget(world.inodes, a.id, 1);
	/* Counted by shelf: the other one still keeps it. */
	assert_int_equal(cr_node_open(world.inodes, b.id, &node), 0);
	cr_node_release(&node);
	cr_node_forget(world.inodes, b.id, 1);
	assert_int_equal(cr_node_open(world.inodes, b.id, &node), -ESTALE);

	open_root(&world, 0, &root);
	again = look_up(&root, 1);
	assert_true(again.id != a.id || again.generation != a.generation);
	cr_node_forget(world.inodes, again.id, 1);
	cr_node_release(&root);
	world_release(&world);
}

static void unknown_ids_are_stale(void **state)
{
	const struct shape shape = { 4, 4, 0 };
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	struct cr_node_name name;
	struct world world;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &root);
	name = look_up(&root, 3);
	cr_node_release(&root);
	assert_int_equal(cr_node_open(world.inodes, name.id + 1, &node),
			 -ESTALE);
	assert_int_equal(cr_node_open(world.inodes, 0, &node), -ESTALE);
	assert_int_equal(cr_node_open(world.inodes, 2, &node), -ESTALE);
	assert_int_equal(cr_node_open(world.inodes, UINT64_MAX, &node),
			 -ESTALE);
	assert_int_equal(cr_node_open(world.inodes, 1ull << 40, &node),
			 -ESTALE);
	assert_int_equal(cr_node_open(world.inodes, CR_NODE_ROOT, &node), 0);
	assert_null(node.entry);
	assert_int_equal(node.date.kind, CR_DATE_ROOT);
	cr_node_release(&node);
	/* More than were counted, and of what nobody counted. */
	cr_node_forget(world.inodes, CR_NODE_ROOT, 5);
	cr_node_forget(world.inodes, UINT64_MAX, 5);
	cr_node_forget(world.inodes, name.id, 5);
	world_release(&world);
}

static void the_way_up_stays_known(void **state)
{
	const struct shape shape = { 8, 4, 2 };
	struct cr_node dir[3] = { 0 };
	cr_cleanup(cr_node_release) struct cr_node leaf = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	struct cr_node_name name[3];
	struct world world;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &dir[0]);
	for (size_t i = 0; i < 2; i++) {
		name[i] = look_up(&dir[i], 7);
		assert_int_equal(
			cr_node_open(world.inodes, name[i].id, &dir[i + 1]), 0);
	}
	name[2] = look_up(&dir[2], 5);
	for (size_t i = 0; i < 3; i++)
		cr_node_release(&dir[i]);
	/* Parents first, which the kernel may do. */
	cr_node_forget(world.inodes, name[0].id, 1);
	cr_node_forget(world.inodes, name[1].id, 1);
	assert_int_equal(cr_node_open(world.inodes, name[2].id, &leaf), 0);
	cr_node_path(&leaf, &path);
	assert_int_equal(path.len, 27);
	assert_memory_equal(path.bytes, "/n0000070/n0000070/n0000050", 27);
	assert_ptr_equal(cr_node_snapshot(&leaf), &world.snapshot[0]);
	assert_true(cr_node_parent_ino(&leaf) > 1);
	cr_node_release(&leaf);
	cr_node_forget(world.inodes, name[2].id, 1);
	world_release(&world);
}

static void files_are_no_directories(void **state)
{
	const struct shape shape = { 8, 4, 1 };
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	cr_cleanup(cr_node_release) struct cr_node file = { 0 };
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	struct world world;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &root);
	assert_int_equal(cr_node_at(&root, 1, &file), 0);
	assert_int_equal(cr_node_at(&file, 0, &node), -ENOTDIR);
	cr_node_release(&file);
	cr_node_release(&root);
	assert_int_equal(cr_node_open(world.inodes, CR_NODE_ROOT, &root), 0);
	assert_int_equal(cr_node_at(&root, 0, &node), -ENOTDIR);
	cr_node_release(&root);
	world_release(&world);
}

static void links_of_a_file_are_one_node(void **state)
{
	const struct shape shape = { 64, 16, 0 };
	struct cr_node root[2] = { 0 };
	struct cr_node_name a, b, other, later;
	struct world world;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &root[0]);
	open_root(&world, 1, &root[1]);
	a = look_up(&root[0], 22);
	b = look_up(&root[0], 33); /* on another page */
	assert_int_equal(a.id, b.id);
	assert_int_equal(a.generation, b.generation);
	other = look_up(&root[0], 44); /* of another group */
	assert_true(other.id != a.id);
	later = look_up(&root[1], 22); /* in another snapshot */
	assert_true(later.id != a.id);

	cr_node_forget(world.inodes, a.id, 2);
	cr_node_forget(world.inodes, other.id, 1);
	cr_node_forget(world.inodes, later.id, 1);
	/* The first to be told of is another one now. */
	b = look_up(&root[0], 33);
	a = look_up(&root[0], 22);
	assert_int_equal(a.id, b.id);
	cr_node_forget(world.inodes, a.id, 2);
	cr_node_release(&root[0]);
	cr_node_release(&root[1]);
	world_release(&world);
}

static uint64_t ino_of(struct world *world, size_t snapshot, uint32_t n)
{
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };

	open_root(world, snapshot, &root);
	assert_int_equal(cr_node_at(&root, n, &node), 0);
	return cr_node_ino(&node);
}

static void numbers_follow_the_rule(void **state)
{
	static const struct {
		const char *what;
		uint32_t n;
		bool same; /* in the next snapshot, where nothing changed */
	} cases[] = {
		{ "a file", 1, true },
		{ "a directory", 7, false },
		{ "a link", 11, false },
		{ "a symlink", 13, false },
	};
	const struct shape shape = { 32, 16, 1 };
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	struct world world;
	uint64_t before;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		before = ino_of(&world, 0, cases[i].n);
		assert_true(before > 1);
		assert_int_equal(ino_of(&world, 0, cases[i].n), before);
		assert_int_equal(ino_of(&world, 1, cases[i].n) == before,
				 cases[i].same);
	}
	assert_int_equal(ino_of(&world, 0, 22), ino_of(&world, 0, 22));
	assert_true(ino_of(&world, 0, 1) != ino_of(&world, 0, 2));

	/* A source of another name, and keys of another domain. */
	before = ino_of(&world, 0, 1);
	memcpy(world.snapshot[1].source, "other", sizeof("other"));
	assert_true(ino_of(&world, 1, 1) != before);
	world.domain.name_key.bytes[0]++;
	assert_true(ino_of(&world, 0, 1) != before);
	world_release(&world);
}

static void pages_come_back_when_they_are_needed(void **state)
{
	const struct shape shape = { 1024, 16, 0 };
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	struct cr_node_name *name = calloc(shape.entries, sizeof(*name));
	struct world world;
	unsigned int reads;

	(void)state;
	world_init(&world, shape, 4096); /* less than one page */
	open_root(&world, 0, &root);
	for (uint32_t n = 0; n < shape.entries; n++)
		name[n] = look_up(&root, n);
	reads = atomic_load(&world.reads);
	for (uint32_t n = 0; n < shape.entries; n++) {
		cr_cleanup(cr_node_release) struct cr_node node = { 0 };

		assert_int_equal(cr_node_open(world.inodes, name[n].id, &node),
				 0);
		if (n % 11 > 0)
			assert_int_equal(node.entry->size, n);
	}
	assert_true(atomic_load(&world.reads) > reads);
	for (uint32_t n = 0; n < shape.entries; n++)
		cr_node_forget(world.inodes, name[n].id, 1);
	free(name);
	cr_node_release(&root);
	world_release(&world);
}

static void equal_directories_are_read_once(void **state)
{
	const struct shape shape = { 12, 16, 0 };
	struct cr_node root[2] = { 0 };
	struct cr_node_name a, b;
	struct world world;

	(void)state;
	world_init(&world, shape, CACHE_BYTES);
	open_root(&world, 0, &root[0]);
	open_root(&world, 1, &root[1]);
	a = look_up(&root[0], 1);
	b = look_up(&root[1], 1);
	assert_true(a.id != b.id);
	assert_int_equal(atomic_load(&world.reads), 1);
	cr_node_forget(world.inodes, a.id, 1);
	cr_node_forget(world.inodes, b.id, 1);
	cr_node_release(&root[0]);
	cr_node_release(&root[1]);
	world_release(&world);
}

static void a_failure_is_passed_on_and_not_kept(void **state)
{
	static const struct shape cases[] = { { 8, 16, 0 }, { 32, 16, 0 } };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_node_release) struct cr_node root = { 0 };
		cr_cleanup(cr_node_release) struct cr_node node = { 0 };
		char room[NAME_LEN + 1];
		struct world world;

		world_init(&world, cases[i], CACHE_BYTES);
		open_root(&world, 0, &root);
		atomic_store(&world.error, -CR_EAUTH);
		assert_int_equal(cr_node_at(&root, 0, &node), -CR_EAUTH);
		assert_int_equal(cr_node_child(&root, name_of(3, room), &node),
				 -CR_EAUTH);
		atomic_store(&world.error, 0);
		world.lie = cases[i].entries <= cases[i].page;
		if (world.lie)
			assert_int_equal(cr_node_at(&root, 0, &node),
					 -CR_ECORRUPT);
		world.lie = false;
		assert_int_equal(cr_node_at(&root, 0, &node), 0);
		cr_node_release(&node);
		cr_node_release(&root);
		world_release(&world);
	}
}

static void count_date(void *arg, uint64_t id, const struct cr_date *date)
{
	unsigned int *count = arg;

	assert_true(id > CR_NODE_ROOT);
	assert_true(date->kind == CR_DATE_SOURCE);
	++*count;
}

static void the_top_level_is_known_while_it_is_counted(void **state)
{
	struct cr_date date = { .kind = CR_DATE_SOURCE };
	struct cr_node_name name[100];
	struct world world;
	unsigned int count = 0;

	(void)state;
	world_init(&world, shapes[1], CACHE_BYTES);
	for (uint32_t i = 0; i < CR_ARRAY_LEN(name); i++) {
		cr_cleanup(cr_node_release) struct cr_node node = { 0 };

		date.source = i;
		assert_int_equal(cr_node_date(world.inodes, NULL, &date, &node),
				 0);
		cr_node_count(&node, &name[i]);
		assert_int_equal(cr_inodes_date_id(world.inodes, &date),
				 name[i].id);
	}
	assert_int_equal(cr_inodes_each_date(world.inodes, count_date, &count),
			 0);
	assert_int_equal(count, CR_ARRAY_LEN(name));
	for (uint32_t i = 0; i < CR_ARRAY_LEN(name); i++)
		cr_node_forget(world.inodes, name[i].id, 1);
	assert_int_equal(cr_inodes_date_id(world.inodes, &date), 0);
	world_release(&world);
}

#define THREADS 4
#define ROUNDS	3000
#define KEPT	64

/* What one process does to the mount, at random. */
static void *hammer(void *arg)
{
	struct world *world = arg;
	struct unit_random rnd = { (uint64_t)(uintptr_t)&rnd };
	uint64_t kept[KEPT] = { 0 };

	for (unsigned int round = 0; round < ROUNDS; round++) {
		cr_cleanup(cr_node_release) struct cr_node dir = { 0 };
		cr_cleanup(cr_node_release) struct cr_node node = { 0 };
		uint32_t k = unit_below(&rnd, KEPT);
		struct cr_node_name name;

		if (kept[k] > 0)
			cr_node_forget(world->inodes, kept[k], 1);
		kept[k] = 0;
		k = unit_below(&rnd, KEPT);
		if (kept[k] == 0 ||
		    cr_node_open(world->inodes, kept[k], &dir) < 0 ||
		    dir.entry->type != CR_ENTRY_DIRECTORY) {
			cr_node_release(&dir);
			open_root(world, unit_below(&rnd, 2), &dir);
		}
		k = unit_below(&rnd, KEPT);
		if (kept[k] > 0 ||
		    cr_node_at(&dir, unit_below(&rnd, 64), &node) < 0)
			continue;
		cr_node_count(&node, &name);
		kept[k] = name.id;
	}
	for (uint32_t k = 0; k < KEPT; k++)
		if (kept[k] > 0)
			cr_node_forget(world->inodes, kept[k], 1);
	return NULL;
}

static void threads_leave_nothing_behind(void **state)
{
	const struct shape shape = { 60, 16, 3 };
	pthread_t thread[THREADS];
	struct world world;

	(void)state;
	world_init(&world, shape, 32768);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, hammer, &world), 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(thread[i], NULL);
	world_release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_ordinals_agree),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_page_is_stepped_through),
		cmocka_unit_test(an_id_is_good_until_it_is_forgotten),
		cmocka_unit_test(unknown_ids_are_stale),
		cmocka_unit_test(the_way_up_stays_known),
		cmocka_unit_test(files_are_no_directories),
		cmocka_unit_test(links_of_a_file_are_one_node),
		cmocka_unit_test(numbers_follow_the_rule),
		cmocka_unit_test(pages_come_back_when_they_are_needed),
		cmocka_unit_test(equal_directories_are_read_once),
		cmocka_unit_test(a_failure_is_passed_on_and_not_kept),
		cmocka_unit_test(the_top_level_is_known_while_it_is_counted),
		cmocka_unit_test(threads_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
