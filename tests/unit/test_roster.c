/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/roster.h"

#include "store/base/buf.h"
#include "store/base/secret.h"
#include "store/codec/roster_encode.h"
#include "tests/unit/laws.h"

enum { BAD = -CR_ECORRUPT, BODY = 9 };

static void put_object(uint64_t n, const struct cr_id *prev, uint32_t body_len,
		       struct cr_buf *out)
{
	const struct cr_roster_head head = { .repository = law_uid(1),
					     .n = n,
					     .prev = *prev,
					     .body_len = body_len };

	cr_roster_head_encode(&head, out);
	assert_int_equal(out->len, CR_ROSTER_HEAD_LEN);
	cr_buf_zero(out, body_len + CR_SEAL_OVERHEAD + CR_SIGN_LEN);
	assert_int_equal(cr_buf_error(out), 0);
}

static int parse_head(struct cr_piece bytes)
{
	struct cr_roster_head head;

	return cr_roster_head_parse(bytes, &head);
}

static void a_head_that_is_encoded_is_parsed(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	const struct cr_uid repository = law_uid(1);
	const struct cr_id prev = law_id(2);
	struct cr_roster_head head;

	(void)state;
	put_object(0x0102030405, &prev, BODY, &buf);
	assert_int_equal(
		cr_roster_head_parse((struct cr_piece){ buf.bytes, buf.len },
				     &head),
		0);
	assert_true(head.n == 0x0102030405);
	assert_true(cr_uid_equal(&head.repository, &repository));
	assert_true(cr_id_equal(&head.prev, &prev));
	assert_int_equal(head.body_len, BODY);
	cr_roster_head_encode(&head, &again);
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
		{ "another magic", 7, 'K', BAD, "caprockO" },
		{ "another version", 8, 2, -CR_EVERSION, "version 2" },
		{ "another length", 68, BODY - 1, BAD, "body of 8 bytes" },
		{ "a length beyond", 71, 0xff, BAD, "body of" },
		{ "number 0", 28, 0, BAD, "number 0" },
		{ "a first after another", 28, 1, BAD, "number 1" },
	};
	const struct cr_id prev = law_id(2);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		unit_case(cases[i].what);
		put_object(2, &prev, BODY, &buf);
		buf.bytes[cases[i].at] = cases[i].value;
		law_verdict(parse_head((struct cr_piece){ buf.bytes, buf.len }),
			    cases[i].want, cases[i].said);
	}
}

static void only_the_first_roster_follows_nothing(void **state)
{
	static const struct cr_id none;

	(void)state;
	for (uint64_t n = 0; n < 3; n++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		put_object(n, &none, BODY, &buf);
		assert_int_equal(
			parse_head((struct cr_piece){ buf.bytes, buf.len }),
			n == 1 ? 0 : BAD);
	}
}

static void an_object_has_a_greatest_length(void **state)
{
	enum {
		MOST = CR_ROSTER_MAX - CR_ROSTER_HEAD_LEN - CR_SEAL_OVERHEAD -
		       CR_SIGN_LEN,
	};
	const struct cr_id prev = law_id(2);

	(void)state;
	for (uint32_t over = 0; over < 2; over++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		put_object(2, &prev, MOST + over, &buf);
		assert_int_equal(
			parse_head((struct cr_piece){ buf.bytes, buf.len }),
			over ? BAD : 0);
	}
}

enum { OWNER, READER, WRITER, GONE, KEYS };

/* Two epochs, two domains; an owner, a reader, a writer, a revoked writer. */
struct body {
	struct cr_roster roster;
	struct cr_roster_epoch epoch[2];
	struct cr_roster_domain domain[2];
	struct cr_roster_key key[KEYS];
	char source[2][CR_SOURCE_MAX + 1];
	char gone[1][CR_SOURCE_MAX + 1];
	uint8_t grant[200];
};

static void sample(struct body *b)
{
	*b = (struct body){
		.roster = { .repository_hash = law_id(1),
			    .time = -2,
			    .epochs = 2,
			    .domains = 2,
			    .keys = KEYS },
		.domain = { { .id = law_uid(10), .epoch = 1 },
			    { .id = law_uid(11), .epoch = 2 } },
		.source = { "alice", "bob" },
		.gone = { "alice" },
	};
	law_fill(b->epoch, sizeof(b->epoch), 3);
	law_fill(b->domain[1].sealed, sizeof(b->domain[1].sealed), 4);
	law_fill(b->grant, sizeof(b->grant), 5);
	b->key[OWNER] = (struct cr_roster_key){ .id = law_uid(20),
						.role = CR_ROLE_OWNER,
						.domain = law_uid(10) };
	b->key[READER] = (struct cr_roster_key){ .id = law_uid(21),
						 .role = CR_ROLE_READ,
						 .label = "the laptop",
						 .grant = b->grant,
						 .grant_len = 200 };
	b->key[WRITER] = (struct cr_roster_key){ .id = law_uid(22),
						 .role = CR_ROLE_PUT,
						 .domain = law_uid(11),
						 .source = b->source,
						 .sources = 2,
						 .grant = b->grant,
						 .grant_len = 49 };
	b->key[GONE] = (struct cr_roster_key){ .id = law_uid(23),
					       .role = CR_ROLE_PUT,
					       .domain = law_uid(10),
					       .source = b->gone,
					       .sources = 1,
					       .revoked = true,
					       .last_incarnation = law_uid(6),
					       .last_seq = 300,
					       .last_manifest = law_id(7) };
	memset(b->key[READER].label, 'x', CR_LABEL_MAX);
	b->roster.epoch = b->epoch;
	b->roster.domain = b->domain;
	b->roster.key = b->key;
}

static int parse_body(struct cr_piece bytes)
{
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };

	return cr_roster_parse(bytes, &roster);
}

static void a_body_that_is_encoded_is_parsed(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	const struct cr_uid stranger = law_uid(99);
	struct body b;

	(void)state;
	sample(&b);
	assert_int_equal(cr_roster_encode(&b.roster, &buf), 0);
	assert_int_equal(
		cr_roster_parse((struct cr_piece){ buf.bytes, buf.len },
				&roster),
		0);
	assert_int_equal(roster.time, -2);
	assert_int_equal(roster.epochs, 2);
	assert_memory_equal(roster.epoch, b.epoch, sizeof(b.epoch));
	assert_int_equal(roster.domain[1].epoch, 2);
	assert_int_equal(roster.keys, KEYS);
	assert_string_equal(roster.key[READER].label, b.key[READER].label);
	assert_int_equal(roster.key[READER].grant_len, 200);
	assert_string_equal(roster.key[WRITER].source[1], "bob");
	assert_true(roster.key[GONE].revoked);
	assert_int_equal(roster.key[GONE].last_seq, 300);
	assert_int_equal(cr_roster_encode(&roster, &again), 0);
	assert_int_equal(again.len, buf.len);
	assert_memory_equal(again.bytes, buf.bytes, buf.len);

	for (uint32_t i = 0; i < KEYS; i++)
		assert_ptr_equal(cr_roster_find(&roster, &b.key[i].id),
				 &roster.key[i]);
	assert_null(cr_roster_find(&roster, &stranger));
}

static void a_body_is_whole_or_nothing(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	struct body b;

	(void)state;
	sample(&b);
	assert_int_equal(cr_roster_encode(&b.roster, &buf), 0);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len },
			     parse_body);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len },
			       parse_body);
}

/* @n epochs, domains and keys: the owner, and readers. */
static int parse_as_many_as(uint32_t n)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	static struct cr_roster_epoch epoch[CR_ROSTER_EPOCHS];
	static struct cr_roster_domain domain[CR_ROSTER_DOMAINS];
	static struct cr_roster_key key[CR_ROSTER_KEYS];
	static uint8_t grant[CR_BOX_OVERHEAD + 1];
	struct cr_roster roster = { .epoch = epoch,
				    .epochs = n,
				    .domain = domain,
				    .domains = n,
				    .key = key,
				    .keys = n };

	assert_true(n <= CR_ROSTER_KEYS);
	for (uint32_t i = 0; i < n; i++) {
		const struct cr_uid id = { { 1, (uint8_t)(i >> 8),
					     (uint8_t)i } };

		domain[i] = (struct cr_roster_domain){ .id = id, .epoch = n };
		key[i] = (struct cr_roster_key){ .id = id,
						 .role = CR_ROLE_READ,
						 .grant = grant,
						 .grant_len = sizeof(grant) };
	}
	key[0] = (struct cr_roster_key){ .id = key[0].id,
					 .role = CR_ROLE_OWNER,
					 .domain = domain[n - 1].id };
	assert_int_equal(cr_roster_encode(&roster, &buf), 0);
	return parse_body((struct cr_piece){ buf.bytes, buf.len });
}

static void one_to_1024_of_each_may_be(void **state)
{
	(void)state;
	assert_int_equal(parse_as_many_as(1), 0);
	assert_int_equal(parse_as_many_as(1024), 0);
}

static void no_epoch(struct body *b)
{
	b->roster.epochs = 0;
}
static void no_key(struct body *b)
{
	b->roster.keys = 0;
}
static void domains_out_of_order(struct body *b)
{
	b->domain[0].id = law_uid(12);
}
static void domain_twice(struct body *b)
{
	b->domain[0].id = law_uid(11);
}
static void domain_without_name(struct body *b)
{
	b->domain[0].id = (struct cr_uid){ { 0 } };
}
static void domain_of_no_epoch(struct body *b)
{
	b->domain[1].epoch = 0;
}
static void domain_of_an_epoch_to_come(struct body *b)
{
	b->domain[1].epoch = 3;
}
static void no_owner(struct body *b)
{
	b->key[OWNER].role = CR_ROLE_PUT;
	b->key[OWNER].grant = b->grant;
	b->key[OWNER].grant_len = 60;
}
static void two_owners(struct body *b)
{
	b->key[WRITER].role = CR_ROLE_OWNER;
	b->key[WRITER].grant_len = 0;
}
static void role_none(struct body *b)
{
	b->key[WRITER].role = 0;
}
static void role_prune(struct body *b)
{
	b->key[WRITER].role = 4;
}
static void owner_revoked(struct body *b)
{
	b->key[OWNER].revoked = true;
}
static void owner_with_a_grant(struct body *b)
{
	b->key[OWNER].grant = b->grant;
	b->key[OWNER].grant_len = 60;
}
static void reader_with_a_domain(struct body *b)
{
	b->key[READER].domain = law_uid(10);
}
static void reader_with_a_source(struct body *b)
{
	b->key[READER].source = b->source + 1;
	b->key[READER].sources = 1;
	b->key[WRITER].sources = 1;
}
static void reader_with_a_manifest(struct body *b)
{
	b->key[READER].revoked = true;
	b->key[READER].last_seq = 1;
	b->key[READER].grant_len = 0;
}
static void writer_of_no_domain(struct body *b)
{
	b->key[WRITER].domain = law_uid(13);
}
static void owner_of_no_domain(struct body *b)
{
	b->key[OWNER].domain = (struct cr_uid){ { 0 } };
}
static void writer_without_grant(struct body *b)
{
	b->key[WRITER].grant_len = 0;
}
static void grant_of_nothing(struct body *b)
{
	b->key[WRITER].grant_len = CR_BOX_OVERHEAD;
}
static void revoked_with_a_grant(struct body *b)
{
	b->key[GONE].grant = b->grant;
	b->key[GONE].grant_len = 60;
}
static void revoked_at_0_with_manifest(struct body *b)
{
	b->key[GONE].last_seq = 0;
	b->key[GONE].last_incarnation = (struct cr_uid){ { 0 } };
}
static void revoked_at_0_with_incarnation(struct body *b)
{
	b->key[GONE].last_seq = 0;
	b->key[GONE].last_manifest = (struct cr_id){ { 0 } };
}
static void key_twice(struct body *b)
{
	b->key[GONE].id = b->key[READER].id;
}
static void source_twice(struct body *b)
{
	strcpy(b->source[1], "alice");
}
static void source_of_two(struct body *b)
{
	b->key[OWNER].source = b->source + 1;
	b->key[OWNER].sources = 1;
}
static void source_not_valid(struct body *b)
{
	strcpy(b->source[1], "b/b");
}
static void source_empty(struct body *b)
{
	b->source[1][0] = '\0';
}

static void a_body_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(struct body *b);
		const char *said;
	} cases[] = {
		{ "no epoch", no_epoch, "0 epochs" },
		{ "no key", no_key, "0 keys" },
		{ "domains out of order", domains_out_of_order,
		  "domain 1 is out of order" },
		{ "a domain twice", domain_twice, "domain 1 is out of order" },
		{ "a domain without name", domain_without_name,
		  "domain 0 is out of order" },
		{ "a domain of no epoch", domain_of_no_epoch,
		  "domain 1 is cut short or of no epoch" },
		{ "an epoch to come", domain_of_an_epoch_to_come,
		  "domain 1 is cut short or of no epoch" },
		{ "no owner", no_owner, "key 0: role 3" },
		{ "two owners", two_owners, "key 2: role 1" },
		{ "role 0", role_none, "key 2: role 0" },
		{ "role 4", role_prune, "key 2: role 4" },
		{ "the owner revoked", owner_revoked, "owner is revoked" },
		{ "a grant to the owner", owner_with_a_grant,
		  "grant of 60 bytes" },
		{ "a reader's domain", reader_with_a_domain,
		  "key 1 only reads" },
		{ "a reader's source", reader_with_a_source,
		  "key 1 only reads" },
		{ "a reader's manifest", reader_with_a_manifest,
		  "key 1 only reads" },
		{ "a writer's unknown domain", writer_of_no_domain,
		  "key 2: its domain" },
		{ "an owner without domain", owner_of_no_domain,
		  "key 0: its domain" },
		{ "a writer without grant", writer_without_grant,
		  "grant of 0 bytes" },
		{ "a grant of nothing", grant_of_nothing, "grant of 48 bytes" },
		{ "a grant to a revoked key", revoked_with_a_grant,
		  "grant of 60 bytes" },
		{ "revoked at 0, yet a manifest", revoked_at_0_with_manifest,
		  "manifest 0" },
		{ "revoked at 0, yet an incarnation",
		  revoked_at_0_with_incarnation, "manifest 0" },
		{ "a key twice", key_twice, "keys 1 and 3" },
		{ "a source twice", source_twice, "alice is granted twice" },
		{ "a source of two keys", source_of_two,
		  "bob is granted twice" },
		{ "a source that is none", source_not_valid, "source's name" },
		{ "an empty source", source_empty, "source's name" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_roster ret = { 0 };
		struct body b;

		unit_case(cases[i].what);
		sample(&b);
		cases[i].spoil(&b);
		assert_int_equal(cr_roster_encode(&b.roster, &buf), 0);
		law_verdict(
			cr_roster_parse((struct cr_piece){ buf.bytes, buf.len },
					&ret),
			BAD, cases[i].said);
		assert_null(ret.key);
	}
}

/* Where counts and forms lie in what sample() encodes to. */
enum {
	AT_EPOCHS = 32 + 8,
	AT_DOMAINS = AT_EPOCHS + 1 + 2 * 64,
	AT_KEYS = AT_DOMAINS + 1 + 2 * (16 + 1 + 80),
	AT_LABEL = AT_KEYS + 1 + 16 + 1 + 64,
	AT_SOURCES = AT_LABEL + 1 + 16,
	AT_REVOKED = AT_SOURCES + 1,
};

static void forms_and_counts_are_checked(void **state)
{
	static const struct {
		const char *what;
		size_t at, len;
		const char *bytes;
		const char *said;
	} cases[] = {
		{ "epochs beyond the bytes", AT_EPOCHS, 1, "\x7f",
		  "127 epochs" },
		{ "epochs too many", AT_EPOCHS, 2, "\x81\x08", "1025 epochs" },
		{ "domains beyond the bytes", AT_DOMAINS, 1, "\x7f",
		  "127 domains" },
		{ "domains too many", AT_DOMAINS, 2, "\x81\x08",
		  "1025 domains" },
		{ "keys beyond the bytes", AT_KEYS, 1, "\x7f", "127 keys" },
		{ "keys too many", AT_KEYS, 2, "\x81\x08", "1025 keys" },
		{ "a key more", AT_KEYS, 1, "\5", "label" },
		{ "a key less", AT_KEYS, 1, "\3", "after the last key" },
		{ "a label too long", AT_LABEL, 1, "\x41", "label" },
		{ "a zero byte in a label", AT_LABEL, 2, "\2\0", "label" },
		{ "sources beyond the bytes", AT_SOURCES, 2, "\xff\x7f",
		  "16383 sources" },
		{ "revoked 2", AT_REVOKED, 1, "\2", "form 2" },
	};
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	struct body b;

	(void)state;
	sample(&b);
	assert_int_equal(cr_roster_encode(&b.roster, &buf), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t copy[2048];

		unit_case(cases[i].what);
		assert_true(buf.len <= sizeof(copy));
		memcpy(copy, buf.bytes, buf.len);
		memcpy(copy + cases[i].at, cases[i].bytes, cases[i].len);
		law_verdict(parse_body((struct cr_piece){ copy, buf.len }), BAD,
			    cases[i].said);
	}
}

static void a_body_has_a_greatest_length(void **state)
{
	static const uint8_t bytes[CR_ROSTER_MAX + 1];

	(void)state;
	law_verdict(parse_body((struct cr_piece){ bytes, sizeof(bytes) }), BAD,
		    "body of 1048577 bytes");
	law_verdict(parse_body((struct cr_piece){ bytes, sizeof(bytes) - 1 }),
		    BAD, "0 epochs");
}

static int parse_read_grant(struct cr_piece bytes)
{
	cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };

	return cr_grant_parse(CR_ROLE_READ, bytes, &grant);
}

static int parse_put_grant(struct cr_piece bytes)
{
	cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };

	return cr_grant_parse(CR_ROLE_PUT, bytes, &grant);
}

static void a_grant_that_is_encoded_is_parsed(void **state)
{
	static const struct {
		enum cr_role role;
		uint32_t epochs;
		size_t len;
		law_parser parse;
	} cases[] = {
		{ CR_ROLE_READ, 1, 1 + 97, parse_read_grant },
		{ CR_ROLE_READ, 3, 1 + 97 + 97 + 98, parse_read_grant },
		{ CR_ROLE_PUT, 1, 65, parse_put_grant },
	};
	struct cr_grant_epoch epoch[] = { { .epoch = 1, .psk = law_key(1) },
					  { .epoch = 2, .psk = law_key(2) },
					  { .epoch = 1024 } };
	const struct cr_key domain = law_key(7);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 },
							 again = { 0 };
		cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };
		const struct cr_grant in = { .epoch = epoch,
					     .epochs = cases[i].epochs,
					     .domain_secret = domain };
		struct cr_piece bytes;

		assert_int_equal(cr_grant_encode(cases[i].role, &in, &buf), 0);
		bytes = (struct cr_piece){ buf.bytes, buf.len };
		assert_int_equal(buf.len, cases[i].len);
		assert_int_equal(cr_grant_parse(cases[i].role, bytes, &grant),
				 0);
		assert_int_equal(grant.epochs, cases[i].epochs);
		assert_memory_equal(&grant.epoch[0].psk, &epoch[0].psk,
				    CR_KEY_LEN);
		assert_int_equal(
			memcmp(&grant.domain_secret, &domain, CR_KEY_LEN) == 0,
			cases[i].role == CR_ROLE_PUT);
		assert_int_equal(cr_grant_encode(cases[i].role, &grant, &again),
				 0);
		assert_int_equal(again.len, buf.len);
		assert_memory_equal(again.bytes, buf.bytes, buf.len);
		law_no_prefix_parses(bytes, cases[i].parse);
		law_no_byte_may_follow(bytes, cases[i].parse);
	}
}

static void a_grant_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		int role;
		uint32_t epoch[2];
		uint8_t count; /* instead of 2, when not 0 */
		const char *said;
	} cases[] = {
		{ "to the owner", CR_ROLE_OWNER, { 1, 2 }, 0, "role 1" },
		{ "to nobody", 4, { 1, 2 }, 0, "role 4" },
		{ "epoch 0", CR_ROLE_READ, { 0, 2 }, 0, "epoch 0" },
		{ "an epoch twice",
		  CR_ROLE_READ,
		  { 2, 2 },
		  0,
		  "epoch 2 after epoch 2" },
		{ "epochs out of order",
		  CR_ROLE_READ,
		  { 3, 2 },
		  0,
		  "epoch 2 after epoch 3" },
		{ "epoch 1025", CR_ROLE_READ, { 1, 1025 }, 0, "epoch 0" },
		{ "an epoch more", CR_ROLE_READ, { 1, 2 }, 3, "3 epochs" },
		{ "an epoch less", CR_ROLE_READ, { 1, 2 }, 1, "add up" },
		{ "many epochs", CR_ROLE_READ, { 1, 2 }, 0x7f, "127 epochs" },
		{ "to put, in another form",
		  CR_ROLE_PUT,
		  { 1, 2 },
		  0,
		  "add up" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_grant_epoch epoch[] = {
			{ .epoch = cases[i].epoch[0] },
			{ .epoch = cases[i].epoch[1] },
		};
		const struct cr_grant in = { .epoch = epoch, .epochs = 2 };
		struct cr_grant ret = { 0 };

		unit_case(cases[i].what);
		assert_int_equal(cr_grant_encode(CR_ROLE_READ, &in, &buf), 0);
		if (cases[i].count)
			buf.bytes[0] = cases[i].count;
		law_verdict(
			cr_grant_parse((enum cr_role)cases[i].role,
				       (struct cr_piece){ buf.bytes, buf.len },
				       &ret),
			BAD, cases[i].said);
		assert_null(ret.epoch);
	}
}

static void a_grant_is_for_at_most_1024_epochs(void **state)
{
	static struct cr_grant_epoch epoch[CR_ROSTER_EPOCHS + 1];

	(void)state;
	for (uint32_t i = 0; i < CR_ARRAY_LEN(epoch); i++)
		epoch[i].epoch = i + 1;
	for (uint32_t over = 0; over < 2; over++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		const struct cr_grant grant = {
			.epoch = epoch, .epochs = CR_ROSTER_EPOCHS + over
		};

		assert_int_equal(cr_grant_encode(CR_ROLE_READ, &grant, &buf),
				 0);
		law_verdict(parse_read_grant(
				    (struct cr_piece){ buf.bytes, buf.len }),
			    over ? BAD : 0, "1025 epochs");
	}
}

static void a_put_grant_has_an_epoch(void **state)
{
	uint8_t bytes[1 + 2 * CR_KEY_LEN] = { 0 };

	(void)state;
	law_verdict(parse_put_grant((struct cr_piece){ bytes, sizeof(bytes) }),
		    BAD, "of no epoch");
}

static void a_released_grant_is_wiped(void **state)
{
	static const struct cr_grant zero;
	struct cr_grant grant = { .domain_secret = law_key(1) };

	(void)state;
	cr_grant_release(&grant);
	assert_memory_equal(&grant, &zero, sizeof(zero));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_is_encoded_is_parsed),
		cmocka_unit_test(a_head_out_of_bounds_is_refused),
		cmocka_unit_test(only_the_first_roster_follows_nothing),
		cmocka_unit_test(an_object_has_a_greatest_length),
		cmocka_unit_test(a_body_that_is_encoded_is_parsed),
		cmocka_unit_test(a_body_is_whole_or_nothing),
		cmocka_unit_test(one_to_1024_of_each_may_be),
		cmocka_unit_test(a_body_out_of_bounds_is_refused),
		cmocka_unit_test(forms_and_counts_are_checked),
		cmocka_unit_test(a_body_has_a_greatest_length),
		cmocka_unit_test(a_grant_that_is_encoded_is_parsed),
		cmocka_unit_test(a_grant_out_of_bounds_is_refused),
		cmocka_unit_test(a_grant_is_for_at_most_1024_epochs),
		cmocka_unit_test(a_put_grant_has_an_epoch),
		cmocka_unit_test(a_released_grant_is_wiped),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
