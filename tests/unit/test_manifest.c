/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/manifest.h"

#include "store/base/buf.h"
#include "store/codec/manifest_encode.h"
#include "tests/unit/laws.h"

enum { BAD = -CR_ECORRUPT, BODY = 10 };

static struct cr_manifest_head sample_head(void)
{
	struct cr_manifest_head head = {
		.repository = law_uid(1),
		.writer = law_uid(2),
		.incarnation = law_uid(3),
		.seq = 7,
		.prev = law_id(4),
		.time = -5,
		.epoch = 6,
		.body_len = BODY,
	};

	law_fill(head.sealed_key, sizeof(head.sealed_key), 8);
	return head;
}

/* A whole object: head, and as many bytes as the rest has. */
static void put_object(const struct cr_manifest_head *head, struct cr_buf *out)
{
	cr_manifest_head_encode(head, out);
	assert_int_equal(out->len, CR_MANIFEST_HEAD_LEN);
	cr_buf_zero(out, BODY + CR_SEAL_OVERHEAD + CR_SIGN_LEN);
	assert_int_equal(cr_buf_error(out), 0);
}

static int parse_head(struct cr_piece bytes)
{
	struct cr_manifest_head head;

	return cr_manifest_head_parse(bytes, &head);
}

static void a_head_that_is_encoded_is_parsed(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	const struct cr_manifest_head head = sample_head();
	struct cr_manifest_head back;

	(void)state;
	put_object(&head, &buf);
	assert_int_equal(
		cr_manifest_head_parse((struct cr_piece){ buf.bytes, buf.len },
				       &back),
		0);
	assert_int_equal(
		cr_manifest_head_peek(
			(struct cr_piece){ buf.bytes, CR_MANIFEST_HEAD_LEN },
			buf.len, &back),
		0);
	assert_int_equal(
		cr_manifest_head_peek(
			(struct cr_piece){ buf.bytes, CR_MANIFEST_HEAD_LEN },
			buf.len - 1, &back),
		BAD);
	assert_int_equal(back.seq, 7);
	assert_int_equal(back.time, -5);
	assert_int_equal(back.epoch, 6);
	assert_int_equal(back.body_len, BODY);
	assert_true(cr_id_equal(&back.prev, &head.prev));
	assert_true(cr_uid_equal(&back.incarnation, &head.incarnation));
	cr_manifest_head_encode(&back, &again);
	assert_memory_equal(again.bytes, buf.bytes, again.len);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len },
			     parse_head);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len },
			       parse_head);
}

static void a_head_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		int want;
		const char *said;
	} cases[] = {
		{ "another magic", 7, 'R', BAD, "caprockM" },
		{ "another version", 8, 0, -CR_EVERSION, "version 0" },
		{ "another suite", 12, 2, -CR_EVERSION, "suite 2" },
		{ "a reserved byte", 14, 1, BAD, "reserved" },
		{ "the other one", 15, 1, BAD, "reserved" },
		{ "number 0", 64, 0, BAD, "number 0" },
		{ "epoch 1", 112, 1, 0, "" },
		{ "epoch 0", 112, 0, BAD, "epoch 0" },
		{ "epoch 1030", 113, 4, BAD, "epoch 1030" },
		{ "another length", 196, BODY + 1, BAD, "body of 11 bytes" },
		{ "a length beyond", 199, 0xff, BAD, "body of" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		const struct cr_manifest_head head = sample_head();
		struct cr_manifest_head ret = { 0 };

		unit_case(cases[i].what);
		put_object(&head, &buf);
		buf.bytes[cases[i].at] = cases[i].value;
		law_verdict(
			cr_manifest_head_parse(
				(struct cr_piece){ buf.bytes, buf.len }, &ret),
			cases[i].want, cases[i].said);
		assert_int_equal(ret.seq, cases[i].want == 0 ? 7 : 0);
	}
}

static void only_the_first_manifest_follows_nothing(void **state)
{
	static const struct {
		uint64_t seq;
		bool prev;
		int want;
	} cases[] = {
		{ 1, false, 0 }, /* the writer's first of all */
		{ 1, true, 0 },	 /* a new incarnation */
		{ 2, true, 0 },
		{ 2, false, BAD },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_manifest_head head = sample_head();

		head.seq = cases[i].seq;
		if (!cases[i].prev)
			head.prev = (struct cr_id){ { 0 } };
		put_object(&head, &buf);
		assert_int_equal(
			parse_head((struct cr_piece){ buf.bytes, buf.len }),
			cases[i].want);
	}
}

static void an_object_has_a_greatest_length(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	struct cr_manifest_head head = sample_head();

	(void)state;
	for (uint32_t over = 0; over < 2; over++) {
		cr_buf_clear(&buf);
		head.body_len = CR_MANIFEST_MAX + over - CR_MANIFEST_HEAD_LEN -
				CR_SEAL_OVERHEAD - CR_SIGN_LEN;
		cr_manifest_head_encode(&head, &buf);
		cr_buf_zero(&buf, CR_MANIFEST_MAX + over - buf.len);
		assert_int_equal(
			parse_head((struct cr_piece){ buf.bytes, buf.len }),
			over ? BAD : 0);
	}
}

/* A body with something in every field. */
struct body {
	struct cr_manifest m;
	struct cr_piece path[2], tag[1], option[2];
	struct cr_id piece[3], segment[2];
};

static void sample(struct body *b)
{
	*b = (struct body){
		.path = { law_text("/home"), law_text("/") },
		.tag = { law_text("weekly") },
		.option = { law_text("--exclude=x"), law_text("") },
		.piece = { law_id(10), law_id(11), law_id(12) },
		.segment = { law_id(20), law_id(21) },
	};
	b->m = (struct cr_manifest){
		.repository_hash = law_id(1),
		.source = law_text("alice-1.x_Y"),
		.host = law_text("host"),
		.began = { -1, 999999999 },
		.ended = 17,
		.domain = law_uid(2),
		.paths = { b->path, 2 },
		.tags = { b->tag, 1 },
		.options = { b->option, 2 },
		.flags = 127,
		.entries = 1,
		.files = 2,
		.directories = 3,
		.bytes = UINT64_MAX,
		.files_new = 5,
		.files_changed = 6,
		.files_unchanged = 7,
		.bytes_read = 8,
		.bytes_added = 9,
		.warnings = 1,
		.warning_text = { .here = { "first\0second", 13 } },
		.mounts_text = { .piece = b->piece, .pieces = 3 },
		.users_text = { .here = law_text("0 root\n1 daemon\n") },
		.root = { .type = CR_ENTRY_DIRECTORY,
			  .content = CR_CONTENT_LEAF,
			  .mode = 0755,
			  .uid = 1000,
			  .gid = 100,
			  .nlink = 2 },
		.root_id = law_id(3),
		.root_hint = { .pack = law_uid(4),
			       .block = 65535,
			       .slot = 65534 },
		.segment = b->segment,
		.segments = 2,
	};
}

static int parse_body(struct cr_piece bytes)
{
	cr_cleanup(cr_manifest_release) struct cr_manifest m = { 0 };

	return cr_manifest_parse(bytes, &m);
}

static void a_body_that_is_encoded_is_parsed(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	cr_cleanup(cr_manifest_release) struct cr_manifest m = { 0 };
	struct body b;

	(void)state;
	sample(&b);
	assert_int_equal(cr_manifest_encode(&b.m, &buf), 0);
	assert_int_equal(
		cr_manifest_parse((struct cr_piece){ buf.bytes, buf.len }, &m),
		0);
	assert_memory_equal(m.source.bytes, "alice-1.x_Y", m.source.len);
	assert_int_equal(m.user.len, 0);
	assert_int_equal(m.began.nsec, 999999999);
	assert_int_equal(m.paths.count, 2);
	assert_int_equal(m.paths.string[1].len, 1);
	assert_int_equal(m.options.string[1].len, 0);
	assert_true(m.bytes == UINT64_MAX);
	assert_int_equal(m.warnings, 1);
	assert_int_equal(m.warning_text.here.len, 13);
	assert_int_equal(m.mounts_text.pieces, 3);
	assert_int_equal(m.root.uid, 1000);
	assert_int_equal(m.root_hint.slot, 65534);
	assert_true(cr_id_equal(&m.segment[1], &b.segment[1]));
	assert_int_equal(cr_manifest_encode(&m, &again), 0);
	assert_int_equal(again.len, buf.len);
	assert_memory_equal(again.bytes, buf.bytes, buf.len);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len },
			     parse_body);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len },
			       parse_body);
}

static void the_least_body_is_parsed(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	cr_cleanup(cr_manifest_release) struct cr_manifest m = { 0 };
	struct cr_piece path = law_text("/");
	const struct cr_manifest least = {
		.source = law_text("x"),
		.paths = { &path, 1 },
		.root = { .type = CR_ENTRY_DIRECTORY, .nlink = 1 },
	};

	(void)state;
	assert_int_equal(cr_manifest_encode(&least, &buf), 0);
	assert_int_equal(
		cr_manifest_parse((struct cr_piece){ buf.bytes, buf.len }, &m),
		0);
	assert_int_equal(m.segments, 0);
	assert_true(cr_uid_zero(&m.root_hint.pack));
	assert_int_equal(cr_manifest_encode(&m, &again), 0);
	assert_int_equal(again.len, buf.len);
	assert_memory_equal(again.bytes, buf.bytes, buf.len);
}

static char long_text[257];

static void no_source(struct body *b)
{
	b->m.source.len = 0;
}
static void hidden_source(struct body *b)
{
	b->m.source = law_text(".alice");
}
static void spaced_source(struct body *b)
{
	b->m.source = law_text("al ice");
}
static void long_source(struct body *b)
{
	b->m.source = (struct cr_piece){ long_text, CR_SOURCE_MAX + 1 };
}
static void long_host(struct body *b)
{
	b->m.host = (struct cr_piece){ long_text, 256 };
}
static void long_user(struct body *b)
{
	b->m.user = (struct cr_piece){ long_text, 256 };
}
static void a_whole_second(struct body *b)
{
	b->m.began.nsec = 1000000000;
}
static void no_path(struct body *b)
{
	b->m.paths.count = 0;
}
static void empty_path(struct body *b)
{
	b->path[1].len = 0;
}
static void relative_path(struct body *b)
{
	b->path[1] = law_text("home");
}
static void zero_in_path(struct body *b)
{
	b->path[0] = (struct cr_piece){ "/a\0b", 4 };
}
static void unknown_flag(struct body *b)
{
	b->m.flags = 128;
}
static void warning_without_end(struct body *b)
{
	b->m.warning_text.here.len--;
}
static void mount_without_end(struct body *b)
{
	b->m.mounts_text = (struct cr_text){ .here = law_text("/mnt") };
}
static void user_without_end(struct body *b)
{
	b->m.users_text.here = law_text("0 root");
}
static void group_without_end(struct body *b)
{
	b->m.groups_text.here = law_text("0");
}
static void root_with_a_name(struct body *b)
{
	b->m.root.type = CR_ENTRY_FIFO;
	b->m.root.content = CR_CONTENT_NONE;
}
static void hint_beyond_blocks(struct body *b)
{
	b->m.root_hint.block = CR_PACK_BLOCKS_MAX;
}
static void hint_beyond_slots(struct body *b)
{
	b->m.root_hint.slot = CR_BLOCK_CHUNKS_MAX;
}
static void hint_to_nothing(struct body *b)
{
	b->m.root.content = CR_CONTENT_NONE;
}

static void a_body_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(struct body *b);
		const char *said;
	} cases[] = {
		{ "no source", no_source, "before the domain" },
		{ "a hidden source", hidden_source, "source is not valid" },
		{ "a blank in the source", spaced_source,
		  "source is not valid" },
		{ "a long source", long_source, "before the domain" },
		{ "a long host", long_host, "before the domain" },
		{ "a long user", long_user, "before the domain" },
		{ "10^9 nanoseconds", a_whole_second, "nanoseconds" },
		{ "no path", no_path, "no path" },
		{ "an empty path", empty_path, "path 1 is not absolute" },
		{ "a relative path", relative_path, "path 1 is not absolute" },
		{ "a zero byte in a path", zero_in_path,
		  "path 0 is not absolute" },
		{ "an unknown flag", unknown_flag, "flags 80" },
		{ "a warning without end", warning_without_end,
		  "warnings: the last line" },
		{ "a mount point without end", mount_without_end,
		  "mount points: the last line" },
		{ "a user without end", user_without_end,
		  "users: the last line" },
		{ "a group without end", group_without_end,
		  "groups: the last line" },
		{ "a root that is no directory", root_with_a_name, "root" },
		{ "a hint beyond all blocks", hint_beyond_blocks,
		  "hint to the root" },
		{ "a hint beyond all slots", hint_beyond_slots,
		  "hint to the root" },
		{ "a hint to nothing", hint_to_nothing, "hint to the root" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_manifest ret = { 0 };
		struct body b;

		unit_case(cases[i].what);
		sample(&b);
		cases[i].spoil(&b);
		assert_int_equal(cr_manifest_encode(&b.m, &buf), 0);
		law_verdict(
			cr_manifest_parse(
				(struct cr_piece){ buf.bytes, buf.len }, &ret),
			BAD, cases[i].said);
		assert_null(ret.paths.string);
	}
}

/* Where, from the end, the fields after the texts of sample() begin. */
enum {
	FROM_SEGMENTS = 2 * CR_ID_LEN + 1,
	FROM_HINT = FROM_SEGMENTS + 1 + CR_UID_LEN + 3 + 3,
};

static void forms_and_counts_are_checked(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	struct body b;
	/* Offsets from the body's start; negative ones from its end. */
	const struct {
		const char *what;
		ptrdiff_t at;
		uint8_t value;
		const char *said;
	} cases[] = {
		{ "many paths more", 86, 0x7f, "paths are cut short" },
		{ "paths beyond the bytes", 86, 0xff, "paths in" },
		{ "tags beyond the bytes", 95, 0xff, "tags in" },
		{ "a segment less", -FROM_SEGMENTS, 1, "1 segments" },
		{ "a segment more", -FROM_SEGMENTS, 3, "3 segments" },
		{ "segments without a count", -FROM_SEGMENTS, 0,
		  "0 segments in 64 bytes" },
		{ "a hint of form 2", -FROM_HINT, 2, "hint of form 2" },
		{ "a hint to no pack", -FROM_HINT + 1, 0, NULL },
	};

	(void)state;
	sample(&b);
	assert_int_equal(cr_manifest_encode(&b.m, &buf), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t copy[1024];
		ptrdiff_t at = cases[i].at;

		unit_case(cases[i].what);
		assert_true(buf.len <= sizeof(copy));
		memcpy(copy, buf.bytes, buf.len);
		if (at < 0)
			at += (ptrdiff_t)buf.len;
		copy[at] = cases[i].value;
		if (!cases[i].said)
			memset(copy + at, 0, CR_UID_LEN);
		law_verdict(parse_body((struct cr_piece){ copy, buf.len }), BAD,
			    cases[i].said ? cases[i].said : "hint to the root");
	}
}

static void texts_have_two_forms(void **state)
{
	static const struct {
		const char *what;
		const char *text; /* the field of groups, instead of "0, 0" */
		size_t len;
		const char *said;
	} cases[] = {
		{ "form 2", "\2\0", 2, "groups: form 2" },
		{ "no pieces", "\1\0", 2, "groups: 0 pieces" },
		{ "too many pieces", "\1\x81\4", 3, "groups: 513 pieces" },
		{ "pieces beyond the bytes", "\1\x80\4", 3,
		  "groups: 512 pieces" },
		{ "a text beyond the bytes", "\0\xff\7", 3,
		  "groups: cut short" },
	};
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	static const uint8_t users[] = "0 root\n1 daemon\n";
	const uint8_t *at;
	struct body b;

	(void)state;
	sample(&b);
	assert_int_equal(cr_manifest_encode(&b.m, &buf), 0);
	at = memmem(buf.bytes, buf.len, users, sizeof(users) - 1);
	assert_non_null(at);
	at += sizeof(users) - 1;
	assert_memory_equal(at, "\0\0", 2);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf bad = { 0 };
		size_t before = (size_t)(at - buf.bytes);

		unit_case(cases[i].what);
		cr_buf_put(&bad, buf.bytes, before);
		cr_buf_put(&bad, cases[i].text, cases[i].len);
		cr_buf_put(&bad, at + 2, buf.len - before - 2);
		law_verdict(parse_body((struct cr_piece){ bad.bytes, bad.len }),
			    BAD, cases[i].said);
	}
}

static void a_text_has_1_to_512_pieces(void **state)
{
	static struct cr_id piece[CR_TEXT_PIECES];

	(void)state;
	for (uint32_t n = 1; n <= CR_TEXT_PIECES; n += CR_TEXT_PIECES - 1) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct body b;

		sample(&b);
		b.m.users_text =
			(struct cr_text){ .piece = piece, .pieces = n };
		assert_int_equal(cr_manifest_encode(&b.m, &buf), 0);
		assert_int_equal(
			parse_body((struct cr_piece){ buf.bytes, buf.len }), 0);
	}
}

/* The byte after the empty path, the count of the tags, is a slash. */
static void an_empty_path_is_none(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	static struct cr_piece tag['/'];
	struct body b;

	(void)state;
	sample(&b);
	b.path[1].len = 0;
	b.m.tags = (struct cr_strings){ tag, '/' };
	assert_int_equal(cr_manifest_encode(&b.m, &buf), 0);
	law_verdict(parse_body((struct cr_piece){ buf.bytes, buf.len }), BAD,
		    "path 1 is not absolute");
}

static void a_body_has_a_greatest_length(void **state)
{
	static const uint8_t bytes[CR_MANIFEST_MAX + 1];

	(void)state;
	law_verdict(parse_body((struct cr_piece){ bytes, sizeof(bytes) }), BAD,
		    "body of 131073 bytes");
	law_verdict(parse_body((struct cr_piece){ bytes, sizeof(bytes) - 1 }),
		    BAD, "before the domain");
}

static void a_source_has_few_letters(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char name[2] = { 'a', (char)c };
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '.' || c == '_' ||
			    c == '-';

		assert_int_equal(cr_source_valid((struct cr_piece){ name, 2 }),
				 good);
		assert_int_equal(
			cr_source_valid((struct cr_piece){ name + 1, 1 }),
			good && c != '.');
	}
	assert_true(
		cr_source_valid((struct cr_piece){ long_text, CR_SOURCE_MAX }));
	assert_false(cr_source_valid(
		(struct cr_piece){ long_text, CR_SOURCE_MAX + 1 }));
	assert_false(cr_source_valid((struct cr_piece){ long_text, 0 }));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_is_encoded_is_parsed),
		cmocka_unit_test(a_head_out_of_bounds_is_refused),
		cmocka_unit_test(only_the_first_manifest_follows_nothing),
		cmocka_unit_test(an_object_has_a_greatest_length),
		cmocka_unit_test(a_body_that_is_encoded_is_parsed),
		cmocka_unit_test(the_least_body_is_parsed),
		cmocka_unit_test(a_body_out_of_bounds_is_refused),
		cmocka_unit_test(forms_and_counts_are_checked),
		cmocka_unit_test(texts_have_two_forms),
		cmocka_unit_test(a_text_has_1_to_512_pieces),
		cmocka_unit_test(an_empty_path_is_none),
		cmocka_unit_test(a_body_has_a_greatest_length),
		cmocka_unit_test(a_source_has_few_letters),
	};

	memset(long_text, 'x', sizeof(long_text) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
