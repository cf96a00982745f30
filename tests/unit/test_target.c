/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/target.h"

#include "store/base/buf.h"
#include "tests/unit/unit.h"

static struct cr_piece piece(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

static void targets_stay_in_the_snapshot(void **state)
{
	static const struct {
		const char *top, *path, *target, *want;
	} cases[] = {
		/* Several paths: the root is "/". */
		{ "", "/etc/link", "/etc/passwd", "../etc/passwd" },
		{ "", "/link", "/etc/passwd", "etc/passwd" },
		{ "", "/a/b/c/link", "/x", "../../../x" },
		{ "", "/a/link", "/", ".." },
		{ "", "/link", "/", "." },
		{ "/", "/a/link", "/b", "../b" },
		/* One directory: it is the root. */
		{ "/srv/data", "/a/link", "/srv/data/b/c", "../b/c" },
		{ "/srv/data", "/link", "/srv/data", "." },
		{ "/srv/data", "/a/link", "/srv/data/", ".." },
		/* Not in it. */
		{ "/srv/data", "/a/link", "/etc/passwd",
		  "../.not-in-this-snapshot/etc/passwd" },
		{ "/srv/data", "/link", "/srv/database/x",
		  ".not-in-this-snapshot/srv/database/x" },
		{ "/srv/data", "/link", "/srv", ".not-in-this-snapshot/srv" },
		{ "/srv/data", "/link", "/", ".not-in-this-snapshot" },
		/* Read by the letters. */
		{ "/srv/data", "/link", "//srv/./data//x", "x" },
		{ "/srv/data", "/link", "/srv/data/a/../x", "x" },
		{ "/srv/data", "/link", "/srv/data/../x",
		  ".not-in-this-snapshot/srv/x" },
		{ "", "/link", "/../../x", "x" },
		/* Relative ones are as they were ... */
		{ "/srv/data", "/a/link", "b", "b" },
		{ "/srv/data", "/a/link", "../b", "../b" },
		{ "/srv/data", "/a/link", "./b//c/d/", "./b//c/d/" },
		{ "/srv/data", "/a/c/link", "./../..//b", "./../..//b" },
		{ "/srv/data", "/a/link", "..", ".." },
		{ "/srv/data", "/link", ".", "." },
		{ "/srv/data", "/link", "...", "..." },
		/* ... unless they lead out, or could by way of another link. */
		{ "/srv/data", "/a/link", "./b//c/../d/", "../a/b/d" },
		{ "/srv/data", "/a/link", "x/../../b", "../b" },
		{ "/srv/data", "/link", "../data/x", "x" },
		{ "/srv/data", "/a/link", "../../data/x", "../x" },
		{ "/srv/data", "/a/link", "../../x",
		  "../.not-in-this-snapshot/srv/x" },
		{ "/srv/data", "/link", "../../../../etc/shadow",
		  ".not-in-this-snapshot/etc/shadow" },
		{ "", "/a/link", "../../../etc/shadow", "../etc/shadow" },
		{ "/srv/data", "/a/link", "x/../../../b",
		  "../.not-in-this-snapshot/srv/b" },
		{ "/srv/data", "/link", "..", ".not-in-this-snapshot/srv" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_target_at at = {
			.path = piece(cases[i].path),
			.top = piece(cases[i].top),
		};
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };

		unit_case(cases[i].want);
		cr_buf_put(&out, "before", 6);
		assert_int_equal(
			cr_target_inside(&at, piece(cases[i].target), &out), 0);
		assert_int_equal(out.len, 6 + strlen(cases[i].want));
		assert_memory_equal(out.bytes, "before", 6);
		assert_memory_equal(out.bytes + 6, cases[i].want, out.len - 6);
	}
}

/* Whatever the target is, and whatever is a link: it does not leave. */
static void nothing_leads_out(void **state)
{
	static const char *const part[] = { "/", "..", ".", "a", "srv/data" };
	const size_t parts = CR_ARRAY_LEN(part);

	(void)state;
	for (size_t n = 0; n < parts * parts * parts * parts; n++) {
		const struct cr_target_at at = { piece("/a/link"),
						 piece("/srv/data") };
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
		char target[64] = "";
		bool down = false;
		int depth = 1;

		for (size_t left = n, i = 0; i < 4; i++, left /= parts) {
			(void)strcat(target, part[left % parts]);
			(void)strcat(target, i < 3 ? "/" : "");
		}
		unit_case(target);
		assert_int_equal(cr_target_inside(&at, piece(target), &out), 0);
		cr_buf_u8(&out, 0);
		assert_int_equal(cr_buf_error(&out), 0);
		assert_true(out.bytes[0] != '/' && out.bytes[0] != '\0');
		for (char *name = strtok((char *)out.bytes, "/"); name;
		     name = strtok(NULL, "/")) {
			if (strcmp(name, "..") == 0) {
				assert_false(down);
				depth--;
			} else if (strcmp(name, ".") != 0) {
				down = true;
			}
			assert_true(depth >= 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_stay_in_the_snapshot),
		cmocka_unit_test(nothing_leads_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
