/* Archives: what is written is read again, by us and by real tars; and no byte that comes can do harm. */
#include "dt/files/tar.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/random.h"
#include "tests/unit/test.h"

#define ROUNDS 20000

static char dir[64];

/* What a reader told, as text; and what must hold whatever came. */
struct heard {
	struct buf text;
	uint64_t left;		/* of the file that is told of */
	bool open;
	int refuse_at;		/* the event that says no, from 1; 0: none does */
	int events;
};

static int event(struct heard *h, struct dt_err *err)
{
	return ++h->events == h->refuse_at ? err_set(err, ERR_FAIL, "no more of this") : 0;
}

static int on_entry(void *arg, const struct tar_entry *e, struct dt_err *err)
{
	struct heard *h = arg;

	CHECK(!h->open);
	CHECK(strlen(e->name) < TAR_NAME_MAX && strlen(e->link) < TAR_NAME_MAX);
	CHECK(e->mode <= 07777);
	CHECK(e->size <= INT64_MAX);
	CHECK(e->type == TAR_FILE || e->size == 0);
	CHECK(e->mtime >= 0);
	h->open = e->type == TAR_FILE;
	h->left = e->size;
	(void)buf_addf(&h->text, "%c %s > %s %o %llu %lld:", e->type, e->name, e->link, e->mode, (unsigned long long)e->size,
		       (long long)e->mtime);
	return event(h, err);
}

static int on_data(void *arg, const char *data, size_t len, struct dt_err *err)
{
	struct heard *h = arg;

	(void)err;
	CHECK(h->open && len && len <= h->left);
	h->left -= len;
	(void)buf_add(&h->text, data, len);
	return 0;
}

static int on_done(void *arg, struct dt_err *err)
{
	struct heard *h = arg;

	CHECK(h->open && h->left == 0);
	h->open = false;
	(void)buf_adds(&h->text, ".\n");
	return event(h, err);
}

static const struct tar_events events = { on_entry, on_data, on_done };
static struct dt_err error;

static void heard_init(struct heard *h)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->text, (size_t)64 << 20);
}

/* In pieces of up to piece bytes (0: random ones).  0, or -1: an error. */
static int hear(struct heard *h, const char *data, size_t len, size_t piece)
{
	struct tar_reader *r = tar_reader_new(&events, h);
	int said = 0;

	error = (struct dt_err)DT_ERR_INIT;
	while (said == 0 && len) {
		size_t n = piece ? piece : 1 + random_below(1500);
		char *copy;

		n = n < len ? n : len;
		/* memory of its own, so that a sanitizer sees who reads behind it */
		copy = malloc(n);
		memcpy(copy, data, n);
		said = tar_reader_add(r, copy, n, &error);
		free(copy);
		data += n;
		len -= n;
	}
	CHECK(said == 0 || (said == -1 && error.code == ERR_FAIL && *error.msg));
	tar_reader_free(r);
	return said;
}

static void add(struct buf *out, char type, const char *name, const char *link, unsigned mode, int64_t mtime,
		const char *data, size_t len)
{
	struct tar_entry e = { .name = name, .link = link, .type = type, .mode = mode, .size = len, .mtime = mtime };
	static const char zeros[TAR_BLOCK];

	CHECK_INT(tar_header(out, &e), 0);
	CHECK_INT(out->len % TAR_BLOCK, 0);
	CHECK_INT(buf_add(out, data, len), 0);
	CHECK_INT(buf_add(out, zeros, tar_padding(len)), 0);
}

/* A name of len bytes, with folders in it. */
static const char *long_name(size_t len, char letter)
{
	static char names[4][TAR_NAME_MAX + 2];
	static size_t next;
	char *name = names[next++ % 4];

	memset(name, letter, len);
	for (size_t i = 50; i + 1 < len; i += 51)
		name[i] = '/';
	name[len] = '\0';
	return name;
}

static const size_t lengths[] = { 1, 99, 100, 101, 154, 155, 156, 254, 255, 256, 257, 511, 512, 513, 1000, 4000, TAR_NAME_MAX - 1 };

static void sample(struct buf *out, struct heard *wanted)
{
	static const char text[] = "content, of no particular length";
	char big[1500];

	buf_init(out, (size_t)64 << 20);
	heard_init(wanted);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)i;
	add(out, TAR_FOLDER, "a folder/", "", 02755, 1, NULL, 0);
	add(out, TAR_FILE, "a folder/empty", "", 0644, 0, NULL, 0);
	add(out, TAR_FILE, "new\nline \xff\\", "", 07777, 1234567890, text, strlen(text));
	add(out, TAR_FILE, "block", "", 0, 8589934592, big, 512);
	add(out, TAR_SYMLINK, "link", "where it points", 0777, 5, NULL, 0);
	add(out, TAR_FILE, "-rf", "", 0400, INT64_MAX, big, sizeof(big));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		add(out, TAR_FILE, long_name(lengths[i], 'n'), "", 0600, 7, text, i);
		add(out, TAR_SYMLINK, long_name(lengths[i], 's'), long_name(lengths[i], 'l'), 0777, 7, NULL, 0);
	}
	CHECK_INT(tar_end(out), 0);
	(void)buf_addf(&wanted->text, "5 a folder/ >  2755 0 1:0 a folder/empty >  644 0 0:.\n0 new\nline \xff\\ >  7777 %zu 1234567890:%s.\n"
				      "0 block >  0 512 8589934592:", strlen(text), text);
	(void)buf_add(&wanted->text, big, 512);
	(void)buf_addf(&wanted->text, ".\n2 link > where it points 777 0 5:0 -rf >  400 %zu %lld:", sizeof(big), (long long)INT64_MAX);
	(void)buf_add(&wanted->text, big, sizeof(big));
	(void)buf_adds(&wanted->text, ".\n");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		(void)buf_addf(&wanted->text, "0 %s >  600 %zu 7:%.*s.\n2 %s > %s 777 0 7:", long_name(lengths[i], 'n'), i, (int)i, text,
			       long_name(lengths[i], 's'), long_name(lengths[i], 'l'));
}

static bool same(const struct heard *a, const struct heard *b)
{
	return a->text.len == b->text.len && memcmp(a->text.data, b->text.data, a->text.len) == 0;
}

static void test_round_trip(void)
{
	static const size_t pieces[] = { 1, 2, 511, 512, 513, 1024, 4096, 0, 1U << 30 };
	struct heard wanted, got;
	struct buf out;

	sample(&out, &wanted);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		heard_init(&got);
		CHECK_INT(hear(&got, out.data, out.len, pieces[i]), 0);
		CHECK(same(&got, &wanted));
		CHECK(!got.open);
		buf_release(&got.text);
	}
	buf_release(&wanted.text);
	buf_release(&out);
}

/* Of an archive that is cut off, what has come is told. */
static void test_truncated(void)
{
	struct heard wanted, got;
	struct buf out;

	sample(&out, &wanted);
	for (size_t len = 0; len < out.len; len += 1 + random_below(97)) {
		heard_init(&got);
		CHECK_INT(hear(&got, out.data, len, 0), 0);
		CHECK(got.text.len <= wanted.text.len && memcmp(got.text.data, wanted.text.data, got.text.len) == 0);
		buf_release(&got.text);
	}
	buf_release(&wanted.text);
	buf_release(&out);
}

/* One archive behind the other, with what a blocking tar puts between them. */
static void test_several(void)
{
	struct heard once, got;
	struct buf out, all;

	sample(&out, &once);
	buf_init(&all, (size_t)64 << 20);
	heard_init(&got);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(buf_add(&all, out.data, out.len), 0);
		while (i == 1 && all.len % 10240)
			CHECK_INT(buf_addc(&all, '\0'), 0);
	}
	CHECK_INT(hear(&got, all.data, all.len, 0), 0);
	CHECK_INT(got.text.len, 3 * once.text.len);
	for (size_t i = 0; i < 3 && got.text.len == 3 * once.text.len; i++)
		CHECK(memcmp(got.text.data + i * once.text.len, once.text.data, once.text.len) == 0);
	buf_release(&got.text);
	/* what follows and is no archive is an error */
	heard_init(&got);
	CHECK_INT(buf_adds(&out, "rubbish"), 0);
	while (out.len % TAR_BLOCK)
		CHECK_INT(buf_addc(&out, 'x'), 0);
	CHECK_INT(hear(&got, out.data, out.len, 0), -1);
	CHECK_STR(error.msg, "malformed archive: a wrong checksum");
	buf_release(&got.text);
	buf_release(&all);
	buf_release(&once.text);
	buf_release(&out);
}

static void test_names_too_long(void)
{
	struct buf out;
	struct tar_entry e = { .name = long_name(TAR_NAME_MAX, 'x'), .link = "", .type = TAR_FILE };

	buf_init(&out, 1 << 20);
	CHECK_INT(tar_header(&out, &e), -1);
	e.link = e.name;
	e.name = "x";
	e.type = TAR_SYMLINK;
	CHECK_INT(tar_header(&out, &e), -1);
	buf_release(&out);
	/* no room */
	buf_init(&out, TAR_BLOCK - 1);
	e.link = "";
	CHECK_INT(tar_header(&out, &e), -1);
	CHECK_INT(tar_end(&out), -1);
	buf_release(&out);
}

static void test_padding(void)
{
	CHECK_INT(tar_padding(0), 0);
	CHECK_INT(tar_padding(1), 511);
	CHECK_INT(tar_padding(511), 1);
	CHECK_INT(tar_padding(512), 0);
	CHECK_INT(tar_padding(513), 511);
	CHECK_INT(tar_padding(UINT64_C(10) << 30), 0);
	CHECK_INT(tar_padding((UINT64_C(10) << 30) + 1), 511);
}

/* Sets a header's checksum right. */
static void seal(char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum & 0777777);
}

static void make_header(char block[TAR_BLOCK], const char *name, char type, const char *size)
{
	memset(block, 0, TAR_BLOCK);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 124, size, strlen(size) < 12 ? strlen(size) : 12);
	memcpy(block + 136, "00000000000", 12);
	block[156] = type;
	memcpy(block + 257, "ustar\00000", 8);
	seal(block);
}

/* What one header says; text where it is refused. */
static const char *header(char *block, bool again)
{
	static char text[9000];
	struct heard h;
	int said;

	if (again)
		seal(block);
	heard_init(&h);
	said = hear(&h, block, TAR_BLOCK, 0);
	(void)snprintf(text, sizeof(text), "%s", said == -1 ? error.msg : h.text.data);
	buf_release(&h.text);
	return text;
}

static void set_base256(char *field, size_t len, uint64_t n)
{
	for (size_t i = len; i-- > 1; n >>= 8)
		field[i] = (char)n;
	field[0] = (char)0x80;
}

static void test_sizes(void)
{
	/* what is written: octal up to 8 GiB, and base-256 from there */
	static const uint64_t sizes[] = { 0, 1, 0777, UINT64_C(8589934591), UINT64_C(8589934592), UINT64_C(10) << 30,
					  UINT64_C(1) << 40, INT64_MAX };
	char block[TAR_BLOCK], wanted[100];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct tar_entry e = { .name = "x", .link = "", .type = TAR_FILE, .mode = 0644, .size = sizes[i], .mtime = 9 };
		struct buf out;

		buf_init(&out, 4096);
		CHECK_INT(tar_header(&out, &e), 0);
		CHECK_INT(out.len, TAR_BLOCK);
		(void)snprintf(wanted, sizeof(wanted), "0 x >  644 %llu 9:%s", (unsigned long long)sizes[i], sizes[i] ? "" : ".\n");
		CHECK_STR(header(out.data, false), wanted);
		buf_release(&out);
	}
	make_header(block, "x", '0', "00000000012");
	CHECK_STR(header(block, true), "0 x >  644 10 0:");
	/* blanks before and behind, and no end at all */
	memcpy(block + 124, "      12    ", 12);
	CHECK_STR(header(block, true), "0 x >  644 10 0:");
	memcpy(block + 124, "000000000012", 12);
	CHECK_STR(header(block, true), "0 x >  644 10 0:");
	memcpy(block + 124, "777777777777", 12);
	CHECK_STR(header(block, true), "0 x >  644 68719476735 0:");
	memcpy(block + 124, "00000000018", 12);
	CHECK_HAS(header(block, true), "malformed archive: a size");
	memcpy(block + 124, "-0000000001", 12);
	CHECK_HAS(header(block, true), "malformed archive: a size");
	set_base256(block + 124, 12, (uint64_t)INT64_MAX + 1);
	CHECK_HAS(header(block, true), "malformed archive: a size");
	memset(block + 124, 0xff, 12);
	CHECK_HAS(header(block, true), "malformed archive: a size");
	memset(block + 125, 0xff, 11);
	block[124] = (char)0x80;
	CHECK_HAS(header(block, true), "malformed archive: a size");
	/* modes: no more than permission bits */
	make_header(block, "x", '0', "0");
	memcpy(block + 100, "100755", 7);
	CHECK_STR(header(block, true), "0 x >  755 0 0:.\n");
	memcpy(block + 100, "rwxr-xr-", 8);
	CHECK_HAS(header(block, true), "malformed archive");
}

static void test_checksum(void)
{
	char block[TAR_BLOCK], broken[TAR_BLOCK];

	make_header(block, "x", '0', "0");
	CHECK_STR(header(block, false), "0 x >  644 0 0:.\n");
	for (int i = 0; i < TAR_BLOCK; i++) {
		memcpy(broken, block, sizeof(broken));
		broken[i] = (char)(broken[i] + 1);
		/* of the sum's own field, blanks and NULs mean the same */
		if (i < 148 || i > 155)
			CHECK_STR(header(broken, false), "malformed archive: a wrong checksum");
	}
}

static void test_old_and_odd_types(void)
{
	char block[TAR_BLOCK];

	make_header(block, "x", '\0', "0");
	CHECK_STR(header(block, false), "0 x >  644 0 0:.\n");
	make_header(block, "x", '7', "0");
	CHECK_STR(header(block, false), "0 x >  644 0 0:.\n");
	make_header(block, "x", '6', "0");
	CHECK_STR(header(block, false), "6 x >  644 0 0:");
	/* the name has a part in front, where the magic says so */
	make_header(block, "name", '0', "0");
	memcpy(block + 345, "front/part", 10);
	CHECK_STR(header(block, true), "0 front/part/name >  644 0 0:.\n");
	memcpy(block + 257, "ustar  ", 8);
	CHECK_STR(header(block, true), "0 name >  644 0 0:.\n");
	make_header(block, "", '0', "0");
	memset(block, 'n', 100);
	memset(block + 345, 'p', 155);
	header(block, true);
	CHECK_INT(strlen(header(block, true)), strlen("0  >  644 0 0:.\n") + 256);
}

/* Entries that nobody knows bring content, which is passed over. */
static void test_unknown_entry(void)
{
	char data[5 * TAR_BLOCK] = { 0 };
	struct heard h;

	make_header(data, "strange", 'V', "00000001000");
	memset(data + TAR_BLOCK, 'x', TAR_BLOCK);
	make_header(data + (size_t)2 * TAR_BLOCK, "x", '0', "0");
	for (size_t piece = 1; piece < 1500; piece += 7) {
		heard_init(&h);
		CHECK_INT(hear(&h, data, sizeof(data), piece), 0);
		CHECK_STR(h.text.data, "V strange >  644 0 0:0 x >  644 0 0:.\n");
		buf_release(&h.text);
	}
}

/* A pax header with this text, and then a file "x" of no size; what is told. */
static const char *pax(const char *text, size_t len)
{
	static char said[20000];
	struct heard h;
	struct buf out;
	char block[TAR_BLOCK], size[13];

	buf_init(&out, 1 << 20);
	(void)snprintf(size, sizeof(size), "%011zo", len);
	make_header(block, "PaxHeaders/x", 'x', size);
	(void)buf_add(&out, block, TAR_BLOCK);
	(void)buf_add(&out, text, len);
	while (out.len % TAR_BLOCK)
		(void)buf_addc(&out, '\0');
	make_header(block, "x", '0', "0");
	(void)buf_add(&out, block, TAR_BLOCK);
	heard_init(&h);
	(void)snprintf(said, sizeof(said), "%s", hear(&h, out.data, out.len, 0) == -1 ? error.msg : h.text.data);
	buf_release(&h.text);
	buf_release(&out);
	return said;
}

#define PAX(text) pax(text, sizeof(text) - 1)

static void test_pax_records(void)
{
	CHECK_STR(PAX(""), "0 x >  644 0 0:.\n");
	CHECK_STR(PAX("12 path=abc\n"), "0 abc >  644 0 0:.\n");
	CHECK_STR(PAX("12 path=a=b\n"), "0 a=b >  644 0 0:.\n");
	CHECK_STR(PAX("12 path=a\nb\n"), "0 a\nb >  644 0 0:.\n");
	CHECK_STR(PAX("16 linkpath=abc\n"), "0 x > abc 644 0 0:.\n");
	CHECK_STR(PAX("10 size=5\n"), "0 x >  644 5 0:");
	CHECK_STR(PAX("20 mtime=1234567890\n"), "0 x >  644 0 1234567890:.\n");
	CHECK_STR(PAX("24 mtime=1234567890.999\n"), "0 x >  644 0 1234567890:.\n");
	CHECK_STR(PAX("12 mtime=-5\n"), "0 x >  644 0 0:.\n");
	CHECK_STR(PAX("15 comment=xyz\n12 path=abc\n"), "0 abc >  644 0 0:.\n");
	CHECK_STR(PAX("12 path=abc\n12 path=def\n"), "0 def >  644 0 0:.\n");
	CHECK_STR(PAX("6 a=b\n"), "0 x >  644 0 0:.\n");
	CHECK_STR(PAX("28 size=9223372036854775807\n"), "0 x >  644 9223372036854775807 0:");
	/* not so */
	CHECK_HAS(PAX("28 size=9223372036854775808\n"), "malformed archive: a size");
	CHECK_HAS(PAX("29 size=18446744073709551615\n"), "malformed archive: a size");
	CHECK_HAS(PAX("29 size=99999999999999999999\n"), "malformed archive: a size");
	CHECK_HAS(PAX("9 size=\n"), "malformed archive");
	CHECK_HAS(PAX("11 size=-5\n"), "malformed archive: a size");
	CHECK_HAS(PAX("12 size=0x5\n"), "malformed archive: a size");
	CHECK_HAS(PAX("12 path=ab\n"), "malformed archive");
	CHECK_HAS(PAX("11 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("99 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("99999999999999999999999999 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("-12 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("0 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("1 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("2 path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("3 \n"), "malformed archive");
	CHECK_HAS(PAX(" path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("path=abc\n"), "malformed archive");
	CHECK_HAS(PAX("12 path:abc\n"), "malformed archive");
	CHECK_HAS(PAX("12"), "malformed archive");
	CHECK_HAS(PAX("12 path=a\0c\n"), "malformed archive");
	CHECK_HAS(PAX("12 path=abc\n\0"), "malformed archive");
}

/* Nobody makes us keep more than names are long. */
static void test_endless_names(void)
{
	static const char types[] = { 'L', 'K', 'x' };
	char block[TAR_BLOCK];

	for (size_t i = 0; i < sizeof(types); i++) {
		make_header(block, "long", types[i], "77777777777");
		CHECK_HAS(header(block, false), "malformed archive");
		set_base256(block + 124, 12, INT64_MAX);
		CHECK_HAS(header(block, true), "malformed archive");
	}
	/* what nobody reads may be as long as it likes */
	make_header(block, "global", 'g', "77777777777");
	CHECK_STR(header(block, false), "");
}

static void test_events_refuse(void)
{
	struct heard wanted, got;
	struct buf out;

	sample(&out, &wanted);
	for (int at = 1; at < 10; at++) {
		heard_init(&got);
		got.refuse_at = at;
		CHECK_INT(hear(&got, out.data, out.len, 0), -1);
		CHECK_STR(error.msg, "no more of this");
		CHECK_INT(got.events, at);
		buf_release(&got.text);
	}
	buf_release(&wanted.text);
	buf_release(&out);
}

/* Broken in random places: headers with right sums, too; told the same in whatever pieces it comes. */
static void test_fuzz(void)
{
	struct heard wanted;
	struct buf out;
	long rounds = random_rounds(ROUNDS);
	char *copy;

	sample(&out, &wanted);
	copy = malloc(out.len);
	for (long k = 0; k < rounds && !test_faults; k++) {
		uint64_t seed = random_state;
		struct heard a, b;
		size_t len = random_below(8) ? 1 + random_below((size_t)16 * TAR_BLOCK) : out.len;
		int said, again;

		len = len < out.len ? len : out.len;
		memcpy(copy, out.data, len);
		for (size_t n = random_below(6); n; n--) {
			size_t at = random_below(len);

			copy[at] = random_below(3) ? (char)random_next() : "\0 07xLKg=\n\x80\xff"[random_below(12)];
			if (random_below(4) && at / TAR_BLOCK * TAR_BLOCK + TAR_BLOCK <= len)
				seal(copy + at / TAR_BLOCK * TAR_BLOCK);
		}
		heard_init(&a);
		heard_init(&b);
		said = hear(&a, copy, len, 0);
		again = hear(&b, copy, len, 1 + random_below(600));
		CHECK_INT(again, said);
		CHECK(same(&a, &b));
		buf_release(&a.text);
		buf_release(&b.text);
		if (test_faults)
			random_again(seed);
	}
	free(copy);
	buf_release(&wanted.text);
	buf_release(&out);
}

/* ---- real tars ---- */

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char command[2000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* What a command writes. */
static struct buf output_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static struct buf output_of(const char *fmt, ...)
{
	char command[2000], piece[4096];
	struct buf out;
	va_list ap;
	size_t n;
	FILE *f;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	buf_init(&out, (size_t)64 << 20);
	f = popen(command, "re");
	if (!f)
		return out;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		(void)buf_add(&out, piece, n);
	(void)pclose(f);
	return out;
}

/* A tree with what tars write in special ways. */
static void make_tree(void)
{
	CHECK_INT(run("mkdir -p %s/tree && cd %s/tree && umask 022 && "
		      "p=$(printf '%%0120d' 7) && mkdir -p $p/$p/$p && printf deep > $p/$p/$p/file && "
		      "printf 1 > short && : > empty && head -c 1000 /dev/zero | tr '\\0' z > block && "
		      "printf u > \"$(printf '\\303\\244 \\377')\" && printf n > \"$(printf 'new\\nline')\" && "
		      "ln -s $p/$p/$p long && ln -s short link && ln short hard && chmod 4750 block && "
		      "TZ=UTC touch -h -d '2001-09-09 01:46:40.5' short empty block link long && "
		      "TZ=UTC touch -d '1960-01-01' \"$(printf 'new\\nline')\"",
		      dir, dir), 0);
}

static void hears_tar(const char *options, bool long_names)
{
	struct buf out = output_of("cd %s/tree && tar --sort=name %s -cf - . 2>/dev/null", dir, options);
	struct heard h;
	char name[700], wanted[900];

	heard_init(&h);
	CHECK_INT(hear(&h, out.data, out.len, 0), 0);
	CHECK_HAS(h.text.data, "5 ./ > ");
	CHECK_HAS(h.text.data, "0 ./empty >  644 0 1000000000:.\n");
	CHECK_HAS(h.text.data, "0 ./block >  4750 1000 1000000000:zzzz");
	CHECK_HAS(h.text.data, "2 ./link > short 777 0 1000000000:");
	CHECK_HAS(h.text.data, "1 ./short > ./hard 644 0 1000000000:");
	CHECK_HAS(h.text.data, "0 ./hard >  644 1 1000000000:1.\n");
	/* before 1970; the others do not take such a file */
	if (long_names)
		CHECK_HAS(h.text.data, "0 ./new\nline >  644 1 0:n.\n");
	CHECK_HAS(h.text.data, "0 ./\xc3\xa4 \xff >  644 1 ");
	(void)snprintf(name, sizeof(name), "%0120d/%0120d/%0120d", 7, 7, 7);
	(void)snprintf(wanted, sizeof(wanted), "0 ./%s/file >  644 4 ", name);
	if (long_names)
		CHECK_HAS(h.text.data, wanted);
	(void)snprintf(wanted, sizeof(wanted), "2 ./long > %s 777 0 1000000000:", name);
	if (long_names)
		CHECK_HAS(h.text.data, wanted);
	buf_release(&h.text);
	buf_release(&out);
}

static void test_real_tars(void)
{
	make_tree();
	hears_tar("--format=gnu", true);
	hears_tar("--format=pax", true);
	hears_tar("--format=pax --pax-option=delete=nothing,globexthdr.name=g,comment=x", true);
	hears_tar("--format=ustar", false);
	hears_tar("--format=v7 --exclude=./0\\*", false);
}

static void test_real_sizes(void)
{
	static const char *const formats[] = { "gnu", "pax" };

	CHECK_INT(run("truncate -s 9G %s/huge", dir), 0);
	for (int i = 0; i < 2; i++) {
		struct buf out = output_of("cd %s && tar --format=%s -cf - huge 2>/dev/null | head -c 2048", dir, formats[i]);
		struct heard h;

		heard_init(&h);
		CHECK_INT(hear(&h, out.data, out.len, 0), 0);
		CHECK_HAS(h.text.data, "0 huge > ");
		CHECK_HAS(h.text.data, " 9663676416 ");
		buf_release(&h.text);
		buf_release(&out);
	}
	CHECK_INT(run("rm %s/huge", dir), 0);
}

/* What we write, read by a real tar. */
static void read_by(const char *tar)
{
	struct buf out;
	char path[100];
	FILE *f;

	buf_init(&out, (size_t)1 << 20);
	add(&out, TAR_FOLDER, "d/", "", 0750, 1000000000, NULL, 0);
	add(&out, TAR_FILE, "d/f", "", 0640, 1000000000, "content", 7);
	add(&out, TAR_FILE, "d/new\nline \xff", "", 0600, 1000000000, "x", 1);
	add(&out, TAR_SYMLINK, "d/l", "f", 0777, 1000000000, NULL, 0);
	add(&out, TAR_SYMLINK, "long", long_name(300, 't'), 0777, 1000000000, NULL, 0);
	add(&out, TAR_FILE, long_name(300, 'n'), "", 0600, 1000000000, "deep", 4);
	CHECK_INT(tar_end(&out), 0);
	(void)snprintf(path, sizeof(path), "%s/ours", dir);
	f = fopen(path, "we");
	if (!f) {
		CHECK(!"fopen");
		return;
	}
	CHECK_INT(fwrite(out.data, 1, out.len, f), out.len);
	(void)fclose(f);
	CHECK_INT(run("rm -rf %s/out && mkdir %s/out && cd %s/out && %s -xopf ../ours", dir, dir, dir, tar), 0);
	CHECK_INT(run("cd %s/out && test \"$(cat d/f)\" = content && test \"$(stat -c %%a.%%Y d/f)\" = 640.1000000000 && "
		      "test \"$(readlink d/l)\" = f && test \"$(stat -c %%a d)\" = 750 && "
		      "test x = \"$(cat \"$(printf 'd/new\\nline \\377')\")\" && test \"$(cat '%s')\" = deep && "
		      "test \"$(readlink long)\" = '%s'",
		      dir, long_name(300, 'n'), long_name(300, 't')), 0);
	buf_release(&out);
}

static void test_read_by_real_tars(void)
{
	read_by("tar");
	if (run("command -v busybox >/dev/null") == 0)
		read_by("busybox tar");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_round_trip), TEST(test_truncated), TEST(test_several), TEST(test_names_too_long),
		TEST(test_padding), TEST(test_sizes), TEST(test_checksum), TEST(test_old_and_odd_types),
		TEST(test_unknown_entry), TEST(test_pax_records), TEST(test_endless_names), TEST(test_events_refuse),
		TEST(test_fuzz), TEST(test_real_tars), TEST(test_real_sizes), TEST(test_read_by_real_tars), { NULL, NULL }
	};
	int r;

	random_start();
	(void)snprintf(dir, sizeof(dir), "/tmp/dt-tar-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	r = test_main(tests, argc, argv);
	(void)run("rm -rf %s", dir);
	return r;
}
