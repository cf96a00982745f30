/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format.h - every number that FORMAT.md fixes, by its section.
 */
#ifndef STORE_CODEC_FORMAT_H
#define STORE_CODEC_FORMAT_H

#include "store/base/id.h"

#define CR_FORMAT_VERSION 1
#define CR_MAGIC_LEN	  8

#define CR_MAGIC_REPOSITORY "caprockR" /* 4.1 */
#define CR_MAGIC_SLOT	    "caprockK" /* 4.2 */
#define CR_MAGIC_ROSTER	    "caprockO" /* 4.3 */
#define CR_MAGIC_PACK	    "caprockP" /* 6 */
#define CR_MAGIC_TRAILER    "caprockT" /* 6 */
#define CR_MAGIC_SEGMENT    "caprockI" /* 7 */
#define CR_MAGIC_MANIFEST   "caprockM" /* 10 */

/* 3 */
#define CR_SUITE_CHACHA20 1
#define CR_NONCE_LEN	  24
#define CR_TAG_LEN	  16
#define CR_SEAL_OVERHEAD  (CR_NONCE_LEN + CR_TAG_LEN)
#define CR_BOX_OVERHEAD	  48
#define CR_KEY_LEN	  32
#define CR_SIGN_LEN	  64
#define CR_SIGN_PK_LEN	  32
#define CR_BOX_PK_LEN	  32

/* 4.1 */
#define CR_REPOSITORY_LEN    92
#define CR_CHUNKER_GEAR	     1
#define CR_FILE_HASH_BLAKE2B 1

/* 4.2 */
#define CR_SLOT_MAX		4096
#define CR_ARGON_PASSES_MIN	1
#define CR_ARGON_PASSES_MAX	20
#define CR_ARGON_MIB_MIN	64
#define CR_ARGON_MIB_MAX	4096
#define CR_ARGON_PASSES_DEFAULT 3
#define CR_ARGON_MIB_DEFAULT	256

/* 4.3 */
#define CR_ROSTER_MAX	  (1u << 20)
#define CR_ROSTER_EPOCHS  1024
#define CR_ROSTER_DOMAINS 1024
#define CR_ROSTER_KEYS	  1024
#define CR_LABEL_MAX	  64
#define CR_SOURCE_MAX	  64

/* 5 */
#define CR_CHUNK_MAX	    262144u
#define CR_OBJECT_MAX	    262144u
#define CR_HINT_PACKS_MAX   4096
#define CR_CLASS_SAMPLE_MIN 262144u
#define CR_CLASS_SAMPLES    64
#define CR_CLASS_SAMPLE_LEN 1024
#define CR_PAGE_LEN	    4096u

enum cr_size_class {
	CR_CLASS_16K = 1,
	CR_CLASS_32K = 2,
	CR_CLASS_64K = 3,
	CR_CLASS_4K = 4,
	CR_CLASS_PAGES = 5, /* the greatest */
};

enum cr_chunk_type {
	CR_CHUNK_DATA = 1,
	CR_CHUNK_INLINE = 2,
	CR_CHUNK_LEAF = 3,
	CR_CHUNK_REFS = 4,
	CR_CHUNK_DNODE = 5,
	CR_CHUNK_LLIST = 6,
	CR_CHUNK_LNODE = 7,
	CR_CHUNK_XATTR = 8,
	CR_CHUNK_LINK = 9,
	CR_CHUNK_TEXT = 10,
	CR_CHUNK_TYPES = 11,
};

/* 6 */
enum cr_pack_kind {
	CR_PACK_DATA = 1,
	CR_PACK_META = 2,
};

#define CR_PACK_HEADER_LEN    256u
#define CR_PACK_MAX	      (256u << 20)
#define CR_PACK_DATA_TARGET   (32u << 20)
#define CR_PACK_META_TARGET   (8u << 20)
#define CR_SHARD_LEN	      65536u
#define CR_BLOCK_ALIGN	      4096u
#define CR_BLOCK_DATA_TARGET  (1u << 20)
#define CR_BLOCK_PAGES_TARGET (256u << 10)
#define CR_BLOCK_META_TARGET  (256u << 10)
#define CR_BLOCK_RAW_MAX      (2u << 20)
#define CR_BLOCK_PAYLOAD_MAX  (4u << 20)
#define CR_BLOCK_CHUNKS_MAX   65535u
#define CR_PACK_BLOCKS_MAX    65536u
#define CR_FOOTER_MAX	      (64u << 20)
#define CR_TRAILER_TAIL_LEN   (CR_PACK_HEADER_LEN + 8 + 4 + 4 + 8 + 8)

enum cr_coding {
	CR_CODING_RAW = 0,
	CR_CODING_ZSTD = 1,
};

/* 7 */
#define CR_SEGMENT_MAX	     (128u << 20)
#define CR_SEGMENT_TARGET    (32u << 20)
#define CR_SEGMENT_PACKS_MAX 65536u

/* 8 */
#define CR_NAME_MAX	    255
#define CR_LEAF_ENTRIES_MIN 64
#define CR_LEAF_ENTRIES_MAX 1024
#define CR_LEAF_BYTES	    65536u
#define CR_DNODE_MIN	    64
#define CR_DNODE_NAMES	    131072u /* bytes of first names */
#define CR_DNODE_MAX	    1024
#define CR_HEIGHT_MAX	    16
#define CR_INLINE_MAX	    256
#define CR_TARGET_MAX	    4095
#define CR_XATTRS_MAX	    65536u

/* 9 */
#define CR_LLIST_MIN	  256
#define CR_LLIST_MAX	  4096
#define CR_LNODE_MIN	  64
#define CR_LNODE_MAX	  1024
#define CR_HOLES_FREE	  (1ull << 30) /* hashed through up to this much, */
#define CR_HOLES_PER_BYTE 16	       /* plus so many times the data */

/* 10 */
#define CR_MANIFEST_MAX 131072u
#define CR_TEXT_PIECE	65536u
#define CR_TEXT_PIECES	512

#endif
