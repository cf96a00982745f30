/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files opened by a kernel that sends open, as most of them do not. */
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "fs/mount.h"
#include "fs/ops.h"
#include "store/base/key_file_write.h"
#include "tests/unit/kernel.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

#define SIZE  (3u << 20) /* several blocks */
#define TIME  INT64_C(1700000000)
#define STATE "machine"

enum { GOOD, BAD, GONE, FILES };
static const char *const names[FILES] = { "good", "bad", "gone" };

static struct made_repo made;
static struct folder_path pack[FILES]; /* that holds each, and nothing else */
static struct cr_mount_options options;
static char option_source[] = "src";

/* ---- What is mounted ---- */

static int n_packs; /* found so far, for the next */

static int find_pack(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F || st->st_size < SIZE)
		return 0;
	for (int i = 0; i < n_packs; i++)
		if (strcmp(pack[i].text, path) == 0)
			return 0;
	(void)snprintf(pack[n_packs].text, sizeof(pack[n_packs].text), "%s",
		       path);
	return 1;
}

static void warn(void *arg, const char *path, const char *what)
{
	(void)arg;
	fail_msg("%s: %s", path, what);
}

static void backup(struct session *ses, int64_t time)
{
	struct folder_path top = folder_path(&made.folder, "live");
	static const atomic_bool stop;
	char *path = top.text;
	struct cr_ingest_options how = {
		.writer = ses->writer,
		.cache = ses->cache,
		.source = "src",
		.path = &path,
		.paths = 1,
		.jobs = 1,
		.repository_fd = cr_storage_fd(made.repo->storage),
		.state_fd = -1,
		.warn = warn,
		.stop = &stop,
	};
	struct cr_manifest manifest = { 0 };
	struct cr_ingest *ingest;

	session_ok(cr_ingest_new(&how, &ingest));
	session_ok(cr_ingest_run(ingest, &manifest));
	(void)session_commit(ses, &manifest, time);
	cr_ingest_free(ingest);
}

/* Each file comes with a backup, so that each has a pack. */
static void fill(void)
{
	struct unit_random rnd = { 1 };
	uint8_t *bytes = malloc(SIZE);
	struct session ses;

	assert_non_null(bytes);
	for (int i = 0; i < FILES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "live/%s", names[i]);
		unit_fill(&rnd, bytes, SIZE);
		folder_write(&made.folder, name, bytes, SIZE, 0644);
		session_begin(&made, made.repo, STATE, &ses);
		backup(&ses, TIME + i);
		session_end(&ses);
		n_packs = i;
		assert_int_equal(
			nftw(folder_path(&made.folder, "repo/packs/data").text,
			     find_pack, 16, FTW_PHYS),
			1);
	}
	free(bytes);
}

static int setup(void **state)
{
	static struct folder_path repository, mountpoint, key, machine;

	(void)state;
	session_ok(cr_sodium_init());
	made_init(&made);
	repository = made_path(&made);
	mountpoint = folder_path(&made.folder, "mnt");
	machine = folder_path(&made.folder, STATE);
	key = folder_path(&made.folder, "key");
	assert_int_equal(mkdir(mountpoint.text, 0700), 0);
	assert_int_equal(mkdir(folder_path(&made.folder, "live").text, 0700),
			 0);
	session_ok(cr_key_file_write(key.text, &made.owner.key_file_slot,
				     &made.owner.key_file));
	fill();
	options = (struct cr_mount_options){
		.repository = repository.text,
		.mountpoint = mountpoint.text,
		.source = option_source,
		.state_dir = machine.text,
		.key_file = key.text,
		.passphrase_fd = -1,
		.cache_bytes = 32u << 20,
		.foreground = true,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	made_release(&made);
	return 0;
}

struct world {
	struct cr_mount *mount;
	struct kernel kernel;
};

/* Mounted by a kernel that can do @flags. */
static void world_init(struct world *world, uint32_t flags)
{
	struct kernel_answer out;
	struct kernel_request hello;
	struct fuse_init_in in;

	session_ok(cr_mount_unlock(&options, &world->mount));
	session_ok(cr_mount_open(world->mount));
	kernel_init(&world->kernel, &cr_ops, world->mount);
	hello = kernel_hello(flags, &in);
	assert_int_equal(kernel_ask(&world->kernel, &hello, &out), 0);
}

static void world_release(struct world *world)
{
	kernel_release(&world->kernel);
	cr_mount_close(world->mount);
}

static uint64_t look_up(struct world *world, uint64_t parent, const char *name)
{
	const struct kernel_request request = kernel_lookup(parent, name);
	struct kernel_answer out;
	struct fuse_entry_out entry;

	assert_int_equal(kernel_ask(&world->kernel, &request, &out), 0);
	memcpy(&entry, out.bytes, sizeof(entry));
	return entry.nodeid;
}

/* In the newest snapshot. */
static uint64_t node_of(struct world *world, int file)
{
	char stamp[CR_STAMP_LEN];

	cr_stamp(TIME + FILES - 1, stamp);
	return look_up(world, look_up(world, FUSE_ROOT_ID, stamp), names[file]);
}

/* What opening it gives, and the flags of who may. */
static int try_open(struct world *world, int file, uint32_t flags,
		    uint32_t *open_flags)
{
	const struct fuse_open_in body = { .flags = flags };
	const struct kernel_request request = { FUSE_OPEN, node_of(world, file),
						&body, sizeof(body) };
	struct fuse_open_out opened;
	struct kernel_answer out;
	int r = kernel_ask(&world->kernel, &request, &out);

	memcpy(&opened, out.bytes, sizeof(opened));
	*open_flags = opened.open_flags;
	return r;
}

static int opens(struct world *world, int file)
{
	uint32_t flags;

	return try_open(world, file, O_RDONLY, &flags);
}

static int reads(struct world *world, int file, uint64_t offset)
{
	const struct fuse_read_in body = { .offset = offset, .size = 4096 };
	const struct kernel_request request = { FUSE_READ, node_of(world, file),
						&body, sizeof(body) };
	struct kernel_answer out;

	return kernel_ask(&world->kernel, &request, &out);
}

/* ---- Laws ---- */

static void who_opens_is_told_how_to_keep_it(void **state)
{
	struct world world;
	uint32_t flags;

	(void)state;
	world_init(&world, 0);
	assert_int_equal(try_open(&world, GOOD, O_RDONLY, &flags), 0);
	assert_int_equal(flags, FOPEN_KEEP_CACHE | FOPEN_NOFLUSH);
	assert_int_equal(try_open(&world, GOOD, O_RDWR, &flags), -EROFS);
	assert_int_equal(try_open(&world, GOOD, O_WRONLY, &flags), -EROFS);
	world_release(&world);
	/* One that need not ask is told to stop. */
	world_init(&world, FUSE_NO_OPEN_SUPPORT);
	assert_int_equal(try_open(&world, GOOD, O_RDONLY, &flags), -ENOSYS);
	assert_int_equal(try_open(&world, GOOD, O_RDWR, &flags), -EROFS);
	world_release(&world);
}

static void what_is_known_to_be_damaged_is_not_opened(void **state)
{
	int fd = open(pack[BAD].text, O_RDONLY | O_CLOEXEC);
	struct world world;
	uint8_t byte;

	(void)state;
	/* A bit of a block in the middle; packs are written once. */
	assert_int_equal(pread(fd, &byte, 1, SIZE / 2), 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(chmod(pack[BAD].text, 0600), 0);
	fd = open(pack[BAD].text, O_WRONLY | O_CLOEXEC);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, SIZE / 2), 1);
	assert_int_equal(close(fd), 0);

	world_init(&world, 0);
	/* Nobody knows: it shows when that block is read. */
	assert_int_equal(opens(&world, BAD), 0);
	assert_int_equal(reads(&world, BAD, 0), 0);
	assert_int_equal(reads(&world, BAD, SIZE / 2), -EIO);
	assert_int_equal(opens(&world, BAD), -EIO);
	assert_int_equal(opens(&world, GOOD), 0);
	assert_int_equal(reads(&world, GOOD, SIZE / 2), 0);
	world_release(&world);
}

static void what_has_lost_its_pack_is_not_opened(void **state)
{
	struct world world;

	(void)state;
	assert_int_equal(unlink(pack[GONE].text), 0);
	world_init(&world, 0);
	assert_int_equal(opens(&world, GONE), -EIO);
	assert_int_equal(opens(&world, GOOD), 0);
	world_release(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_opens_is_told_how_to_keep_it),
		cmocka_unit_test(what_is_known_to_be_damaged_is_not_opened),
		cmocka_unit_test(what_has_lost_its_pack_is_not_opened),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
