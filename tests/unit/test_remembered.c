/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/remembered.h"

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/disk/manifest_object.h"
#include "store/read/snapshots.h"
#include "store/write/commit.h"
#include "tests/unit/bytes.h"
#include "tests/unit/session.h"

#define SNAPSHOTS 20

static struct made_repo made;
static struct cr_state *machine;
static char object[SNAPSHOTS][CR_MANIFEST_NAME_LEN];

static void commit(int64_t time, char name[CR_MANIFEST_NAME_LEN])
{
	struct cr_piece path = { "/p", 2 };
	struct cr_manifest manifest = {
		.repository_hash = made.repo->hash,
		.source = { "src", 3 },
		.domain = *cr_keyring_domain(made.repo->keys->ring),
		.paths = { &path, 1 },
		.root = { .type = CR_ENTRY_DIRECTORY, .nlink = 2 },
	};
	struct cr_manifest_head head;
	struct cr_id id;

	session_ok(cr_commit(
		&(struct cr_commit_to){ made.repo, made.w, machine, NULL },
		&manifest, time, &head, &id));
	cr_manifest_name(&head.writer, &head.incarnation, head.seq, name);
}

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	machine = session_state(&made, "machine");
	for (int i = 0; i < SNAPSHOTS; i++)
		commit(1000 + i, object[i]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_state_close(machine);
	made_release(&made);
	return 0;
}

static struct cr_remembered *load(void)
{
	struct cr_remembered *remembered = NULL;

	session_ok(cr_remembered_load(made.repo, machine, &remembered));
	return remembered;
}

/* List with what is remembered (NULL: without). */
static void list(struct cr_remembered *remembered, struct cr_snapshots *set)
{
	*set = (struct cr_snapshots){ .remembered = remembered };
	session_ok(cr_snapshots_update(made.repo, NULL, set));
	assert_int_equal(set->count + set->bads, SNAPSHOTS);
}

/* As a mount does once; after that all is in the file. */
static void remember(void)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *known = load();
	struct cr_snapshots set;

	list(known, &set);
	session_ok(cr_remembered_save(known, made.repo, machine));
	cr_snapshots_release(&set);
}

static bool knows(const char *name)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *known = load();
	struct cr_remembered_manifest what;
	struct cr_stored_mark mark;

	session_ok(cr_storage_mark(made.repo->storage, name, &mark));
	return cr_remembered_find(known, name, &mark, &what);
}

static void a_list_from_memory_is_the_same(void **state)
{
	struct cr_snapshots read, recalled;
	struct cr_remembered *known;

	(void)state;
	assert_false(knows(object[0]));
	remember();
	known = load();
	list(NULL, &read);
	list(known, &recalled);
	/* What it has does not point into what is remembered. */
	cr_remembered_free(known);
	assert_int_equal(recalled.count, SNAPSHOTS);
	for (size_t i = 0; i < SNAPSHOTS; i++) {
		const struct cr_snapshot *a = read.snapshot[i];
		const struct cr_snapshot *b = recalled.snapshot[i];

		assert_true(knows(b->object));
		assert_string_equal(a->object, b->object);
		assert_true(cr_id_equal(&a->id, &b->id));
		assert_memory_equal(&a->head, &b->head, sizeof(a->head));
		assert_string_equal(a->source, b->source);
		assert_int_equal(a->received, b->received);
		assert_int_equal(b->manifest.paths.count, 1);
		assert_memory_equal(b->manifest.paths.string[0].bytes, "/p", 2);
	}
	cr_snapshots_release(&read);
	cr_snapshots_release(&recalled);
}

/* What is told of another manifest's name shows where the list came from. */
static void what_is_remembered_is_not_read(void **state)
{
	struct cr_remembered *known = load();
	struct cr_remembered_manifest first, second;
	struct cr_stored_mark mark;
	struct cr_snapshots set;

	(void)state;
	list(known, &set);
	cr_snapshots_release(&set);
	session_ok(cr_remembered_save(known, made.repo, machine));
	cr_remembered_free(known);

	known = load();
	session_ok(cr_storage_mark(made.repo->storage, object[0], &mark));
	assert_true(cr_remembered_find(known, object[0], &mark, &first));
	session_ok(cr_storage_mark(made.repo->storage, object[1], &mark));
	assert_true(cr_remembered_find(known, object[1], &mark, &second));
	assert_false(cr_id_equal(&first.id, &second.id));
	list(known, &set);
	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.snapshot[i]->object, object[0]) == 0)
			assert_true(
				cr_id_equal(&set.snapshot[i]->id, &first.id));
	/* Nothing was added: so nothing was read. */
	assert_int_equal(unlinkat(cr_state_fd(machine), "manifests", 0), 0);
	session_ok(cr_remembered_save(known, made.repo, machine));
	assert_false(knows(object[0]));
	cr_snapshots_release(&set);
	cr_remembered_free(known);
}

static void another_object_is_read(void **state)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *known = NULL;
	struct cr_remembered_manifest what;
	struct cr_stored_mark mark, other;

	(void)state;
	remember();
	known = load();
	session_ok(cr_storage_mark(made.repo->storage, object[3], &mark));
	assert_true(cr_remembered_find(known, object[3], &mark, &what));
	assert_false(cr_remembered_find(known, "snapshots/x", &mark, &what));
	for (int i = 0; i < 6; i++) {
		other = mark;
		other.size += i == 0;
		other.inode += i == 1;
		other.received += i == 2;
		other.received_ns += i == 3;
		other.changed += i == 4;
		other.changed_ns += i == 5;
		assert_false(
			cr_remembered_find(known, object[3], &other, &what));
	}
}

/* A manifest that is damaged after it was remembered is damaged. */
static void what_changed_is_verified_again(void **state)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *known = NULL;
	struct cr_snapshots set;
	char path[CR_MANIFEST_NAME_LEN + 8];
	uint8_t byte;
	int fd;

	(void)state;
	remember();
	(void)snprintf(path, sizeof(path), "repo/%s", object[4]);
	assert_int_equal(chmod(folder_path(&made.folder, path).text, 0600), 0);
	fd = open(folder_path(&made.folder, path).text, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, 300), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 300), 1);
	assert_int_equal(close(fd), 0);
	known = load();
	list(known, &set);
	assert_int_equal(set.bads, 1);
	assert_string_equal(set.bad[0]->object, object[4]);
	cr_snapshots_release(&set);
}

static void a_damaged_file_remembers_nothing(void **state)
{
	static const off_t at[] = { 0, 8, 12, 40, 1000 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(at); i++) {
		struct cr_snapshots set;
		uint8_t byte;
		int fd;

		(void)unlinkat(cr_state_fd(machine), "manifests", 0);
		remember();
		assert_true(knows(object[0]));
		fd = openat(cr_state_fd(machine), "manifests",
			    O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(pread(fd, &byte, 1, at[i]), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at[i]), 1);
		assert_int_equal(close(fd), 0);
		assert_false(knows(object[0]));
		list(NULL, &set);
		assert_int_equal(set.count, SNAPSHOTS);
		cr_snapshots_release(&set);
	}
}

/* Every backup need not write all of them again. */
static void a_few_are_not_worth_a_file(void **state)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *known = load();
	const struct cr_remembered_manifest what = {
		.object = "snapshots/x",
		.head = { "head", 4 },
		.body = { "body", 4 },
	};

	(void)state;
	session_ok(cr_remembered_add(known, &what));
	session_ok(cr_remembered_save(known, made.repo, machine));
	assert_int_equal(faccessat(cr_state_fd(machine), "manifests", F_OK, 0),
			 -1);
}

/* Two mounts may have added to it: what is in the file need not lie in order.
 */
static void in_any_order_all_are_found(void **state)
{
	struct cr_remembered *known = load();

	(void)state;
	for (size_t i = SNAPSHOTS; i-- > 0;) {
		struct cr_remembered_manifest what = {
			.object = object[i],
			.head = { "head", 4 },
			.body = { "body", 4 },
		};

		session_ok(cr_storage_mark(made.repo->storage, object[i],
					   &what.mark));
		what.id.bytes[0] = (uint8_t)i;
		session_ok(cr_remembered_add(known, &what));
	}
	session_ok(cr_remembered_save(known, made.repo, machine));
	cr_remembered_free(known);
	for (size_t i = 0; i < SNAPSHOTS; i++)
		assert_true(knows(object[i]));
	known = load();
	for (size_t i = 0; i < SNAPSHOTS; i++) {
		size_t at = i * 7 % SNAPSHOTS; /* and are asked for in none */
		struct cr_remembered_manifest what;
		struct cr_stored_mark mark;

		session_ok(
			cr_storage_mark(made.repo->storage, object[at], &mark));
		assert_true(
			cr_remembered_find(known, object[at], &mark, &what));
		assert_string_equal(what.object, object[at]);
		assert_int_equal(what.id.bytes[0], at);
	}
	cr_remembered_free(known);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_from_memory_is_the_same),
		TEST(what_is_remembered_is_not_read),
		TEST(another_object_is_read),
		TEST(in_any_order_all_are_found),
		TEST(what_changed_is_verified_again),
		TEST(a_damaged_file_remembers_nothing),
		TEST(a_few_are_not_worth_a_file),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
