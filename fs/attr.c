/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/attr.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "store/base/buf.h"

#define SECTOR	       512u /* what st_blocks counts, always */
#define BLKSIZE_MIN    4096
#define BLKSIZE_MAX    (1 << 20)  /* what the kernel asks for at once */
#define BLKSIZE_FOLDER (32 << 10) /* glibc allocates that much an opendir() */

mode_t cr_attr_type(uint8_t type)
{
	static const mode_t mode[] = {
		[CR_ENTRY_FILE] = S_IFREG,    [CR_ENTRY_DIRECTORY] = S_IFDIR,
		[CR_ENTRY_SYMLINK] = S_IFLNK, [CR_ENTRY_CHAR] = S_IFCHR,
		[CR_ENTRY_BLOCK] = S_IFBLK,   [CR_ENTRY_FIFO] = S_IFIFO,
		[CR_ENTRY_SOCKET] = S_IFSOCK,
	};

	return type < CR_ARRAY_LEN(mode) ? mode[type] : 0;
}

/* Programs allocate that much to read: no more than the file has, doubled. */
static blksize_t blksize(const struct cr_entry *entry)
{
	blksize_t size = BLKSIZE_MIN;

	if (entry->type == CR_ENTRY_DIRECTORY)
		return BLKSIZE_FOLDER;
	while (size < BLKSIZE_MAX && (uint64_t)size < entry->size)
		size *= 2;
	return size;
}

/* With too few, tar -S and cp take data for holes: so it rounds up. */
static blkcnt_t blocks(const struct cr_entry *entry)
{
	uint64_t bytes = entry->type == CR_ENTRY_FILE	     ? entry->data_bytes
			 : entry->type == CR_ENTRY_DIRECTORY ? entry->size
							     : 0;

	return (blkcnt_t)(bytes / SECTOR + (bytes % SECTOR > 0));
}

static struct timespec timespec_of(const struct cr_time *time)
{
	return (struct timespec){ .tv_sec = time->sec,
				  .tv_nsec = (long)time->nsec };
}

void cr_attr_stat(const struct cr_entry *entry, uint64_t ino, struct stat *ret)
{
	struct stat st = {
		.st_ino = ino,
		.st_mode = cr_attr_type(entry->type) | (entry->mode & 07777),
		.st_nlink = cr_max(entry->nlink, 1u),
		.st_uid = entry->uid,
		.st_gid = entry->gid,
		.st_size = (off_t)entry->size,
		.st_blksize = blksize(entry),
		.st_blocks = blocks(entry),
		.st_atim = timespec_of(&entry->mtime), /* none is stored */
		.st_mtim = timespec_of(&entry->mtime),
		.st_ctim = timespec_of(&entry->ctime),
	};

	if (entry->type == CR_ENTRY_CHAR || entry->type == CR_ENTRY_BLOCK)
		st.st_rdev = makedev(entry->dev_major, entry->dev_minor);
	*ret = st;
}

bool cr_attr_has_xattrs(const struct cr_entry *entry)
{
	return entry->has & (CR_HAS_XATTR_HERE | CR_HAS_XATTR_OBJECT);
}

int cr_attr_xattr(struct cr_piece set, const char *name, struct cr_piece *ret)
{
	struct cr_xattrs xattrs;
	struct cr_xattr xattr;
	size_t len = strlen(name);
	int r = cr_xattrs_parse(set, &xattrs);

	if (r < 0)
		return r;
	while (cr_xattr_next(&xattrs, &xattr)) {
		if (xattr.name.len == len &&
		    memcmp(xattr.name.bytes, name, len) == 0) {
			*ret = xattr.value;
			return 0;
		}
	}
	return -ENODATA;
}

int cr_attr_xattr_names(struct cr_piece set, struct cr_buf *out)
{
	struct cr_xattrs xattrs;
	struct cr_xattr xattr;
	int r = cr_xattrs_parse(set, &xattrs);

	if (r < 0)
		return r;
	while (cr_xattr_next(&xattrs, &xattr)) {
		cr_buf_put(out, xattr.name.bytes, xattr.name.len);
		cr_buf_u8(out, 0);
	}
	return cr_buf_error(out);
}
