/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"
#include "store/base/hex.h"

int cr_output_init(struct cr_output *out)
{
	if (!out->json)
		return 0;
	out->summary = json_object();
	if (!out->summary ||
	    json_object_set_new(out->summary, "type", json_string("summary")))
		return -ENOMEM;
	return 0;
}

void cr_output_release(struct cr_output *out)
{
	json_decref(out->summary);
	memset(out, 0, sizeof(*out));
}

/* Call after every write: stdio forgets which error it was. */
static void note(struct cr_output *out, bool failed)
{
	if (failed && out->error == 0)
		out->error = errno > 0 ? -errno : -EIO;
}

cr_printf(2, 0) static void print(struct cr_output *out, const char *fmt,
				  va_list ap)
{
	note(out, vprintf(fmt, ap) < 0);
}

void cr_say(struct cr_output *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!out->json)
		print(out, fmt, ap);
	va_end(ap);
}

void cr_tell(struct cr_output *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!out->json && !out->quiet)
		print(out, fmt, ap);
	va_end(ap);
}

void cr_say_name(struct cr_output *out, struct cr_piece name)
{
	cr_cleanup(cr_buf_release) struct cr_buf safe = { 0 };

	if (out->json)
		return;
	cr_escape(name.bytes, name.len, &safe);
	if (cr_buf_error(&safe) < 0)
		note(out, fputs("(out of memory)", stdout) < 0);
	else if (safe.len > 0)
		note(out, fwrite(safe.bytes, 1, safe.len, stdout) < safe.len);
}

void cr_say_path(struct cr_output *out, const char *path)
{
	cr_say_name(out, (struct cr_piece){ path, strlen(path) });
}

/* DEL is the one control character that jansson leaves as it is. */
static bool print_json(const char *text)
{
	for (const char *at = text; *at != '\0';) {
		size_t len = strcspn(at, "\x7f");

		(void)fwrite(at, 1, len, stdout);
		at += len;
		if (*at == '\x7f') {
			(void)fputs("\\u007f", stdout);
			at++;
		}
	}
	return putchar('\n') < 0 || ferror(stdout);
}

void cr_say_json(struct cr_output *out, json_t *line)
{
	cr_cleanup(cr_freep) char *text = NULL;

	if (out->json && line)
		text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text)
		note(out, print_json(text));
	json_decref(line);
}

json_t *cr_json_line(const struct cr_output *out, const char *type)
{
	json_t *line = out->json ? json_object() : NULL;

	cr_json_text(line, "type", type);
	return line;
}

void cr_json_text(json_t *object, const char *key, const char *text)
{
	if (object)
		(void)json_object_set_new(object, key, json_string(text));
}

void cr_json_name(json_t *object, const char *key, struct cr_piece name)
{
	cr_cleanup(cr_buf_release) struct cr_buf safe = { 0 };
	cr_cleanup(cr_freep) char *hex = NULL;
	char hex_key[64];

	if (!object)
		return;
	if (cr_utf8_valid(name.bytes, name.len)) {
		(void)json_object_set_new(object, key,
					  json_stringn(name.bytes, name.len));
		return;
	}
	cr_escape(name.bytes, name.len, &safe);
	hex = malloc(2 * name.len + 1);
	if (cr_buf_error(&safe) < 0 || !hex)
		return;
	cr_hex(name.bytes, name.len, hex);
	(void)snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
	(void)json_object_set_new(
		object, key, json_stringn((const char *)safe.bytes, safe.len));
	cr_json_text(object, hex_key, hex);
}

void cr_json_u64(json_t *object, const char *key, uint64_t value)
{
	/* JSON has signed 64 bits here; nothing stored is greater. */
	if (object)
		(void)json_object_set_new(object, key,
					  json_integer((json_int_t)cr_min(
						  value, (uint64_t)INT64_MAX)));
}

void cr_json_bool(json_t *object, const char *key, bool value)
{
	if (object)
		(void)json_object_set_new(object, key, json_boolean(value));
}

void cr_json_id(json_t *object, const char *key, const struct cr_id *id)
{
	cr_json_text(object, key, cr_id_hex(id).text);
}

void cr_json_uid(json_t *object, const char *key, const struct cr_uid *id)
{
	cr_json_text(object, key, cr_uid_hex(id).text);
}

void cr_json_time(json_t *object, const char *key, int64_t when)
{
	time_t t = when;
	struct tm tm;
	char text[64];

	if (!gmtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(text, sizeof(text), "@%" PRId64, when);
	cr_json_text(object, key, text);
}

int cr_output_check(const struct cr_output *out)
{
	if (out->error < 0 && out->error != -EPIPE)
		return cr_fail(-out->error, "standard output: %s",
			       cr_strerror(out->error));
	return out->error;
}

int cr_say_bytes(struct cr_output *out, const void *bytes, size_t len)
{
	note(out, fwrite(bytes, 1, len, stdout) < len);
	return cr_output_check(out);
}

int cr_output_finish(struct cr_output *out, int status)
{
	if (out->json) {
		cr_json_u64(out->summary, "exit", (uint64_t)status);
		cr_say_json(out, cr_take(out->summary));
	}
	note(out, fflush(stdout) != 0);
	return cr_output_check(out);
}

struct cr_human cr_human_bytes(uint64_t bytes)
{
	static const char *const unit[] = { "B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB" };
	struct cr_human human;
	double value = (double)bytes;
	size_t u = 0;

	for (; value >= 1023.95 && u + 1 < CR_ARRAY_LEN(unit); u++)
		value /= 1024;
	if (u == 0)
		(void)snprintf(human.text, sizeof(human.text), "%u B",
			       (unsigned int)bytes);
	else
		(void)snprintf(human.text, sizeof(human.text), "%.1f %s", value,
			       unit[u]);
	return human;
}
