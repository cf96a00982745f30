/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/ahead.h"
#include "fs/mountpoint.h"
#include "fs/part.h"
#include "fs/show.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/key_file.h"
#include "store/base/log.h"
#include "store/base/passphrase.h"
#include "store/codec/seal.h"
#include "store/disk/index_later.h"
#include "store/disk/repo.h"

/* Percent of cache=. */
#define SHARE_BLOCKS 60
#define SHARE_INDEX  20
#define SHARE_PAGES  10
#define SHARE_FILES  4
#define SHARE_SHOW   1
#define SHARE_PAST   5

#define ENVIRONMENT CR_PASSPHRASE_ENV

/* ---- The key ---- */

static void credentials_release(struct cr_credentials *cred)
{
	cr_secret_release(&cred->passphrase);
	cr_secret_release(&cred->key_file);
}

static int ask(const char *repository, struct cr_secret *ret)
{
	cr_cleanup(cr_freep) char *prompt = NULL;
	int r;

	if (asprintf(&prompt, "Passphrase of %s: ", repository) < 0) {
		prompt = NULL;
		return -ENOMEM;
	}
	r = cr_passphrase_ask(prompt, false, ret);
	/* No terminal: the command line lacks something. */
	return r == -ENXIO ? cr_fail(CR_EUSAGE, "%s", cr_detail()) : r;
}

/* Nobody else reads it here, and the mount may last long. */
static int read_fd(int fd, struct cr_secret *ret)
{
	int r = cr_passphrase_fd(fd, ret);

	if (fd > STDERR_FILENO)
		(void)close(fd);
	return r;
}

/* The variable is taken out of the environment whatever is used instead. */
static int credentials_get(const struct cr_mount_options *options,
			   struct cr_credentials *ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret from_env = { 0 };
	int r = cr_passphrase_env(ENVIRONMENT, &from_env);

	if (options->key_file)
		return cr_key_file_read(options->key_file, &ret->key_file_slot,
					&ret->key_file);
	if (options->passphrase_file)
		return cr_passphrase_file(options->passphrase_file,
					  &ret->passphrase);
	if (options->passphrase_fd >= 0)
		return read_fd(options->passphrase_fd, &ret->passphrase);
	if (options->passphrase_command)
		return cr_passphrase_command(options->passphrase_command,
					     &ret->passphrase);
	if (r == -ENOENT)
		return ask(options->repository, &ret->passphrase);
	if (r < 0)
		return r;
	ret->passphrase = cr_take(from_env);
	return 0;
}

/* Nobody is asked for a passphrase where there is nothing to unlock. */
static int look_for_repository(const struct cr_mount_options *options)
{
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	struct cr_repository info;
	struct cr_id hash;
	int r = cr_storage_open(options->repository, &storage);

	if (r == 0)
		r = cr_repo_read_info(storage, &info, &hash);
	if (r < 0 || cr_mountpoint_is_fd(options->mountpoint))
		return r;
	return cr_mountpoint_apart(options->mountpoint, cr_storage_fd(storage),
				   "the repository");
}

/* Ids of ACLs mean others there, and older kernels do not look at them. */
static bool is_user_namespace(void)
{
	cr_cleanup(cr_closep) int fd =
		open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned long inside, outside, count;
	char text[128] = "";

	/* Without /proc nobody has made one. */
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	return sscanf(text, "%lu %lu %lu", &inside, &outside, &count) != 3 ||
	       inside != 0 || outside != 0 || count < UINT32_MAX;
}

int cr_mount_may_share(const struct cr_mount *mount)
{
	const struct cr_mount_options *options = mount->options;

	if (!options->allow_other || options->insecure_acl)
		return 0;
	if (is_user_namespace())
		return cr_fail(CR_EUSAGE,
			       "allow_other: in a user namespace ACLs do not "
			       "keep out whom they name; -o insecure_acl lets "
			       "others in all the same");
	if (mount->no_acl)
		return cr_fail(CR_EUSAGE,
			       "allow_other: this kernel does not enforce "
			       "ACLs; -o insecure_acl lets others in by modes "
			       "alone");
	return 0;
}

static int unlock(struct cr_mount *mount)
{
	cr_cleanup(credentials_release) struct cr_credentials cred = { 0 };
	int r = cr_mount_may_share(mount);

	if (r == 0)
		r = look_for_repository(mount->options);

	if (r < 0)
		return r;
	r = credentials_get(mount->options, &cred);
	if (r < 0)
		return r;
	r = cr_repo_open(mount->options->repository, &cred, &mount->repo);
	if (r < 0)
		return r;
	if (!cr_keyring_reads(mount->repo->keys->ring))
		return cr_fail(CR_ECAPABILITY,
			       "this key can back up and cannot read: mounting "
			       "needs an owner's or a reader's");
	if (!cr_secret_locked())
		cr_log(CR_LOG_WARNING,
		       "the kernel locks no memory for us (ulimit -l): keys "
		       "may reach the swap");
	return 0;
}

/* ---- The state ---- */

/* Whether one can read on without a state that fails like this. */
static bool can_do_without(int error)
{
	return error == -ENOENT || error == -EACCES || error == -EPERM ||
	       error == -EROFS || error == -ENOSPC || error == -EDQUOT ||
	       error == -ENOTDIR;
}

static int open_state(struct cr_mount *mount)
{
	const struct cr_mount_options *options = mount->options;
	int r = cr_state_open(options->state_dir,
			      cr_storage_fd(mount->repo->storage),
			      &mount->repo->info.id, true, &mount->state);

	if (!options->state_dir && can_do_without(r)) {
		cr_log(CR_LOG_WARNING,
		       "%s: without a state directory an older repository "
		       "cannot be told from this one",
		       cr_detail());
		return 0;
	}
	if (r < 0)
		return r;
	if (!cr_mountpoint_is_fd(options->mountpoint)) {
		r = cr_mountpoint_apart(options->mountpoint,
					cr_state_fd(mount->state),
					"the state directory");
		if (r < 0)
			return r;
	}
	r = cr_repo_check_heads(mount->repo, mount->state);
	/* What is there can be looked at all the same. */
	if (r == -CR_ETAMPER) {
		cr_log(CR_LOG_ERR, "%s", cr_detail());
		return 0;
	}
	return r;
}

static size_t share(const struct cr_mount *mount, size_t percent)
{
	return mount->options->cache_bytes / 100 * percent;
}

static void open_index(struct cr_mount *mount)
{
	if (!mount->state)
		return;
	if (cr_index_later_begin(mount->repo, mount->state,
				 share(mount, SHARE_INDEX), &mount->index) < 0)
		cr_log(CR_LOG_WARNING,
		       "%s: going on without the index, which is slower",
		       cr_detail());
}

/* ---- Pages ---- */

/* What the table of nodes calls for a page; @arg is the mount. */
static int read_page(void *arg, const struct cr_page_want *want,
		     struct cr_page **page, uint64_t *entries)
{
	const struct cr_mount *mount = arg;
	cr_cleanup(cr_dir_closep) struct cr_dir *dir = NULL;
	uint32_t index;
	int r = cr_dir_open(mount->reader, &want->view, &want->tree, &dir);

	if (r < 0)
		return r;
	*entries = cr_dir_entries(dir);
	return want->by_name ? cr_dir_find(dir, want->name, page, &index)
			     : cr_dir_page(dir, want->ordinal, page);
}

/* ---- Opening and closing ---- */

static int make_show(struct cr_mount *mount)
{
	const struct cr_show_options options = {
		.mount = mount->options,
		.reader = mount->reader,
		.damage = mount->damage,
		.cache_bytes = share(mount, SHARE_SHOW),
	};

	return cr_show_new(&options, &mount->show);
}

static int make_past(struct cr_mount *mount)
{
	struct cr_past_options past = {
		.reader = mount->reader,
		.dates = mount->dates,
		.inodes = mount->inodes,
		.damage = mount->damage,
		.path = mount->options->path,
		.uid = geteuid(),
		.gid = getegid(),
		.owners = mount->options->map == CR_MAP_NUMERIC &&
			  !mount->options->owner,
		.cache_bytes = share(mount, SHARE_PAST),
	};

	memcpy(past.key.bytes, mount->repo->hash.bytes, sizeof(past.key.bytes));
	return cr_past_new(&past, &mount->past);
}

static int part_of(void *arg, const struct cr_snapshot *whole,
		   const struct cr_snapshot **ret)
{
	return cr_part_of(arg, whole, ret);
}

/* With path=, and then for @dates. */
static int make_part(struct cr_mount *mount, struct cr_dates_options *dates)
{
	const struct cr_part_options options = {
		.path = mount->options->path,
		.reader = mount->reader,
		.damage = mount->damage,
	};
	int r = options.path ? cr_part_new(&options, &mount->part) : 0;

	if (mount->part) {
		dates->part = part_of;
		dates->part_arg = mount->part;
	}
	return r;
}

static int make_tables(struct cr_mount *mount)
{
	struct cr_status_options status = {
		.repo = mount->repo,
		.cache_bytes = mount->options->cache_bytes,
	};
	struct cr_dates_options dates = {
		.only = mount->options->source,
		.refuse_xattrs = mount->options->noxattr,
		.repository_hash = mount->repo->hash,
		.repository = mount->repo->info.id,
		.status = cr_status_text,
		.status_ms = 1000,
	};
	const struct cr_inodes_options inodes = {
		.cache_bytes = share(mount, SHARE_PAGES),
		.page = read_page,
		.arg = mount,
		.share_folders = mount->options->sharedirs,
	};
	int r = cr_reader_new(mount->repo, NULL, share(mount, SHARE_BLOCKS),
			      &mount->reader);

	if (r == 0 && mount->index)
		cr_reader_expect_index(mount->reader, cr_index_later_get,
				       mount->index);
	if (r == 0)
		r = cr_damage_new(&mount->damage);
	status.reader = mount->reader;
	status.damage = dates.damage = mount->damage;
	if (r == 0)
		r = cr_status_new(&status, &mount->status);
	dates.arg = mount->status;
	if (r == 0)
		r = make_show(mount);
	if (r == 0)
		r = make_part(mount, &dates);
	if (r == 0)
		r = cr_dates_new(&dates, &mount->dates);
	if (r == 0)
		r = cr_inodes_new(&inodes, &mount->inodes);
	if (r == 0)
		r = cr_files_new(mount->reader, share(mount, SHARE_FILES),
				 &mount->files);
	if (r == 0)
		r = cr_ahead_new(mount, share(mount, SHARE_BLOCKS),
				 &mount->ahead);
	return r < 0 ? r : make_past(mount);
}

/* What the options promise must hold for what is there now. */
static int check_snapshots(const struct cr_mount *mount)
{
	const struct cr_mount_options *options = mount->options;
	size_t shown, refused;

	cr_dates_count(mount->dates, &shown, &refused);
	if (refused > 0)
		return cr_fail(CR_EUSAGE,
			       "noxattr: %zu snapshots hold xattrs or ACLs",
			       refused);
	if (options->source && shown == 0)
		return cr_fail(ENOENT,
			       "no snapshot of a source %s: caprock snapshots "
			       "lists them",
			       options->source);
	return 0;
}

int cr_mount_unlock(const struct cr_mount_options *options,
		    struct cr_mount **ret)
{
	cr_cleanup(cr_mount_closep) struct cr_mount *mount =
		calloc(1, sizeof(*mount));
	int r;

	if (!mount)
		return -ENOMEM;
	mount->options = options;
	r = unlock(mount);
	if (r < 0)
		return r;
	*ret = cr_take(mount);
	return 0;
}

/* What the sandbox wants before it is entered: it takes 10 ms and more. */
static void *load(void *arg)
{
	(void)arg;
	(void)cr_seal_usable(CR_SEAL_LIBCRYPTO);
	return NULL;
}

void cr_mount_loaded(struct cr_mount *mount)
{
	if (mount->loads)
		(void)pthread_join(mount->loader, NULL);
	mount->loads = false;
}

int cr_mount_open(struct cr_mount *mount)
{
	int r = open_state(mount);

	if (r < 0)
		return r;
	open_index(mount);
	mount->loads = pthread_create(&mount->loader, NULL, load, NULL) == 0;
	r = make_tables(mount);
	if (r == 0)
		r = cr_mount_list_first(mount);
	if (r < 0)
		return r;
	r = check_snapshots(mount);
	if (r < 0)
		return r;
	cr_mount_look_for_part(mount);
	cr_mount_sum_up(mount);
	return 0;
}

void cr_mount_close(struct cr_mount *mount)
{
	if (!mount)
		return;
	cr_mount_loaded(mount);
	cr_ahead_free(mount->ahead);
	cr_show_free(mount->show);
	cr_files_free(mount->files);
	cr_past_free(mount->past);
	cr_inodes_free(mount->inodes);
	cr_dates_free(mount->dates);
	cr_part_free(mount->part);
	cr_status_free(mount->status);
	cr_damage_free(mount->damage);
	cr_reader_free(mount->reader);
	cr_snapshots_release(&mount->snapshots);
	cr_index_later_free(mount->index);
	cr_state_close(mount->state);
	cr_repo_close(mount->repo);
	free(mount);
}

/* ---- Sums ---- */

struct sum {
	struct cr_mount *mount;
	const char *kind;
	uint64_t bytes;
};

static int add_size(void *arg, const char *name, uint64_t size)
{
	struct sum *sum = arg;

	(void)name;
	sum->bytes += size;
	return 0;
}

static int add_folder(void *arg, const char *name, uint64_t size)
{
	struct sum *sum = arg;
	char prefix[64];

	(void)size;
	(void)snprintf(prefix, sizeof(prefix), "packs/%s/%.8s", sum->kind,
		       name);
	return cr_storage_list(sum->mount->repo->storage, prefix, false,
			       add_size, sum);
}

void cr_mount_sum_up(struct cr_mount *mount)
{
	static const char *const kinds[] = { "data", "meta" };
	struct sum sum = { .mount = mount };
	uint64_t entries = 0;
	char prefix[16];

	for (size_t i = 0; i < CR_ARRAY_LEN(kinds); i++) {
		sum.kind = kinds[i];
		(void)snprintf(prefix, sizeof(prefix), "packs/%s", kinds[i]);
		/* df may be told the old sum as well. */
		if (cr_storage_list(mount->repo->storage, prefix, true,
				    add_folder, &sum) < 0)
			return;
	}
	for (size_t i = 0; i < mount->snapshots.count; i++)
		entries += mount->snapshots.snapshot[i]->manifest.entries;
	atomic_store(&mount->bytes, sum.bytes);
	atomic_store(&mount->entries, entries);
}

int cr_mount_node(struct cr_mount *mount, const struct cr_date *date,
		  struct cr_node *ret)
{
	struct cr_view view = { 0 };
	int r = 0;

	if (date->kind == CR_DATE_SNAPSHOT)
		r = date->snapshot->error; /* of the part that is shown */
	if (date->kind == CR_DATE_SNAPSHOT && r == 0)
		r = cr_view_init(mount->repo, date->snapshot, &view);
	return r < 0 ? r : cr_node_date(mount->inodes, &view, date, ret);
}

void cr_mount_path(const struct cr_mount *mount, const struct cr_node *node,
		   struct cr_buf *out)
{
	const char *path = mount->options->path;

	if (path) {
		cr_buf_u8(out, '/');
		cr_buf_put(out, path, strlen(path));
	}
	if (!path || node->page)
		cr_node_path(node, out);
}

void cr_mount_name(const struct cr_snapshot *snapshot,
		   char out[CR_MOUNT_NAME_MAX])
{
	char stamp[CR_STAMP_LEN];

	cr_stamp(snapshot->head.time, stamp);
	(void)snprintf(out, CR_MOUNT_NAME_MAX, "%s@%s", snapshot->source,
		       stamp);
}
