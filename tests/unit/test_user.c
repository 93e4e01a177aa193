/* user: values, what a host says, keys, one uid for a fleet, and the steps that lead to what is wanted. */
#include <stdarg.h>
#include <stdlib.h>

#include "tests/unit/random.h"
#include "tests/unit/test.h"
#include "user/agree.h"
#include "user/merge.h"
#include "user/plan.h"

#define ROUNDS 20000

static void test_values(void)
{
	static const char *const names[] = { "a", "_x", "web-1", "host$", "abcdefghijklmnopqrstuvwxyz_01234", NULL };
	static const char *const bad_names[] = {
		"", "$", "A", "1a", "-a", "a b", "a:b", "a$b", "a.b", "a/b", "a\n", "\303\251",
		"abcdefghijklmnopqrstuvwxyz_012345", NULL
	};
	/* what hosts have, and no new one is called */
	static const char *const there[] = { "A", "1a", "a.b", "a$b", "\303\251", "jane.doe", "DOM\\joe", "joe@x", "PC-1$", NULL };
	static const char *const never[] = { "", "-a", "+a", "~a", ".", "..", "a b", "a:b", "a,b", "a/b", "a\n", "a\177", NULL };
	static const char *const bad_homes[] = {
		"", "x", "//x", "/x/", "/./x", "/x/..", "/x/../y", "/x/.", "/a:b", "/a\nb", "/", NULL
	};
	static const char *const dates[] = { "2000-02-29", "2031-12-31", "1970-01-03", "never", NULL };
	static const char *const bad_dates[] = { "", "2001-02-29", "1970-01-02", "1969-12-31", "31-12-2031", "2031-1-1",
						 "2031-01-01x", "2031-13-01", NULL };

	for (size_t i = 0; names[i]; i++)
		CHECK(!check_name(names[i]) && !check_new_name(names[i]));
	for (size_t i = 0; there[i]; i++)
		CHECK(!check_name(there[i]) && check_new_name(there[i]) && !check_groups(there[i]));
	for (size_t i = 0; never[i]; i++)
		CHECK(check_name(never[i]));
	for (size_t i = 0; bad_names[i]; i++)
		CHECK(check_new_name(bad_names[i]));
	for (size_t i = 0; bad_homes[i]; i++)
		CHECK(check_home(bad_homes[i]));
	CHECK(!check_home("/home/x") && !check_home("/h") && !check_home("/a/..b/.c"));
	for (size_t i = 0; dates[i]; i++)
		CHECK(!check_expire(dates[i]));
	for (size_t i = 0; bad_dates[i]; i++)
		CHECK(check_expire(bad_dates[i]));
	CHECK_INT(parse_expire("1970-01-03"), 2);
	CHECK_INT(parse_expire("2031-02-28"), 22338);
	CHECK_INT(parse_id("4294967294"), 4294967294LL);
	CHECK_INT(parse_id("4294967295"), ID_ANY);
	CHECK_INT(parse_id("65535"), ID_ANY);
	CHECK_INT(parse_id("-1"), ID_ANY);
	CHECK_INT(parse_id("1e3"), ID_ANY);
	CHECK(check_id("0") && !check_id("1"));
	CHECK(!check_groups("") && !check_groups("a,b") && !check_groups("+a,-b"));
	CHECK(check_groups("a,+b") && check_groups("+a,b") && check_groups("a,") && check_groups(","));
	CHECK(in_list("a,bc,d", "bc") && in_list("a,bc,d", "d") && !in_list("a,bc,d", "b"));
	CHECK(!in_list("", "a") && !in_list("a", ""));
}

static void test_hashes(void)
{
	char text[400] = "$6$salt$";

	memset(text + 8, 'x', 86);
	CHECK(!check_hash(text));
	text[20] = ':';
	CHECK(check_hash(text));
	text[20] = '\\';
	CHECK(check_hash(text));
	text[20] = 'x';
	text[93] = '\0';
	CHECK(check_hash(text));
	CHECK(check_hash("") && check_hash("*") && check_hash("!") && check_hash("$6$") && check_hash("abcdefghijklm"));
	CHECK(!check_hash("$1$salt$abcdefghijklmnopqrstuv"));
}

/* ---- what a host says ---- */

static const char answer[] =
	"I 0\nT useradd\nM 500\n"
	"P root:x:0:0::/root:/bin/sh\nP alice:x:1001:1001:A. L.:/home/alice:/bin/bash\nP bad:x:-1:0::/:/\nP short:x:5\n"
	"G root:x:0:\nG alice:x:1001:\nG web:x:2000:bob,alice\nQ eve:x:7000:7000::/home/eve:/bin/sh\n"
	"X /bin/sh\nH alice d 1001\nK file\nK one\nK \nK two\nK \nN 2 alice\nW\nS alice 1 h 20000 same\nS nobody 0 n - -\nE\n"
	"P late:x:5:5::/:/\n";

static struct found *hear(const char *text, size_t len)
{
	struct found *f = calloc(1, sizeof(*f));

	CHECK(found_add(f, text, len));
	found_read(f);
	return f;
}

static void forget(struct found *f)
{
	found_free(f);
	free(f);
}

static void test_answer(void)
{
	struct found *f = hear(answer, strlen(answer));
	const struct account *a = found_account(f, "alice");
	const struct home *h = found_home(f, "alice");

	CHECK(f->whole && !f->fault && f->shadow);
	CHECK_INT(f->uid, 0);
	CHECK_INT(f->min_uid, 500);
	CHECK_INT(f->account_count, 3);
	CHECK_INT(f->group_count, 3);
	CHECK(a && a->uid == 1001 && a->locked && a->password == 'h' && a->same_hash && a->expire == 20000 && a->keys == 2);
	CHECK_STR(a->comment, "A. L.");
	CHECK(h && h->kind == 'd' && h->uid == 1001);
	CHECK_STR(h->word, "file");
	CHECK_STR(h->keys, "one\n\ntwo\n");
	CHECK_INT(h->keys_len, 9);
	CHECK(found_uid(f, 7000)->foreign && !found_account(f, "late") && !found_account(f, "bad"));
	CHECK(found_shell(f, "/bin/sh") && !found_shell(f, "/bin"));
	forget(f);
}

/* Cut off anywhere it is no answer. */
static void test_cut(void)
{
	for (size_t len = 0; len < strlen(answer) - 20; len++) {
		struct found *f = hear(answer, len);

		CHECK(f->fault && !f->whole);
		forget(f);
	}
}

static void test_hostile(void)
{
	size_t len = strlen(answer);
	struct found f = { .whole = false };
	char *copy = malloc(len);

	for (long i = random_rounds(ROUNDS); i; i--) {
		struct found *g;

		memcpy(copy, answer, len);
		for (size_t n = 1 + random_below(8); n; n--)
			copy[random_below(len)] = random_below(3) ? "\n: \0PGSHKNQRXTMIE0159"[random_below(22)] : (char)random_next();
		g = hear(copy, len);
		CHECK(g->whole || g->fault);
		for (size_t k = 0; k < g->account_count; k++)
			CHECK(g->accounts[k].uid >= 0 && g->accounts[k].uid <= ID_MAX && *g->accounts[k].name);
		forget(g);
	}
	free(copy);
	copy = calloc(1, 1 << 20);
	for (int i = 0; i < 4; i++)
		CHECK(found_add(&f, copy, 1 << 20));
	CHECK(!found_add(&f, "x", 1) && f.fault);
	free(copy);
	found_free(&f);
}

/* ---- keys ---- */

#define K1 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEUL4OuLvplt6aqEWk4S3sqH0eTKGo1Zi8ooBnUckmUH"
#define K2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdQiB6LA985nYmMRbZW6bpatcrL11KOZvumqg7BkyAX"

static void merged(const char *old, const char *add, const char *drop, bool exclusive, const char *wanted,
		   const char *counts)
{
	struct wants w = { .min_uid = ID_ANY };
	struct want *u = wants_add(&w, "x", false);
	char text[60];
	struct merge m;

	CHECK(!add || !wants_key(&w, &u->keys, add));
	CHECK(!drop || !wants_key(&w, &u->dropped, drop));
	u->keys_exclusive = exclusive;
	CHECK_INT(merge_keys(&m, old, strlen(old), u), 0);
	(void)snprintf(text, sizeof(text), "%zu %zu %zu", m.added, m.removed, m.changed);
	CHECK_STR(m.text, wanted);
	CHECK_STR(text, counts);
	free(m.text);
	wants_free(&w);
}

static void test_merge(void)
{
	merged("", K1 " c", NULL, false, K1 " c\n", "1 0 0");
	merged("x", K1, NULL, false, "x\n" K1 "\n", "1 0 0");
	merged("no-pty " K1 " y\r\n", K1 " c", NULL, false, "no-pty " K1 " y\r\n", "0 0 0");
	merged("#" K1 "\n", K1, NULL, false, "#" K1 "\n" K1 "\n", "1 0 0");
	merged("command=\"a " K1 " b\" " K2, K1, NULL, false, "command=\"a " K1 " b\" " K2 "\n" K1 "\n", "1 0 0");
	merged(K1 "\n" K2 "\n" K1 " z", "no-pty " K1, NULL, false, "no-pty " K1 "\n" K2 "\n", "0 1 1");
	merged("# c\n\njunk\n" K1 "\n" K2, K1, NULL, true, "# c\n\n" K1 "\n", "0 2 0");
	merged("a\n  no-pty " K1 "\n" K2, NULL, K1, false, "a\n" K2, "0 1 0");
}

/* ---- one uid for all ---- */

/* What two hosts lead to, of one wanted user: why not, or "UID GID". */
static const char *agreed(const char *one, const char *other, long long id, bool system)
{
	static char text[2000];
	const char *names[] = { "h1", "h2" };
	struct found found[2] = { { .whole = false }, { .whole = false } };
	struct fleet hosts = { .found = found, .names = names, .n = 2 };
	struct wants w = { .min_uid = ID_ANY, .system = system };
	struct want *u = wants_add(&w, "alice", false);
	const char *texts[] = { one, other };
	char *why;

	u->make = true;
	u->id = id;
	for (size_t i = 0; i < 2; i++) {
		CHECK(found_add(&found[i], texts[i], strlen(texts[i])) &&
		      found_add(&found[i], "\nE\n", 3));
		found_read(&found[i]);
	}
	why = agree_ids(&w, &hosts);
	(void)snprintf(text, sizeof(text), "%lld %lld", u->new_id, u->new_gid);
	if (why)
		(void)snprintf(text, sizeof(text), "%s", why);
	free(why);
	wants_free(&w);
	found_free(&found[0]);
	found_free(&found[1]);
	return text;
}

#define USER(name, id) "P " name ":x:" id ":" id "::/:/\n"
#define GROUP(name, id) "G " name ":x:" id ":\n"
#define NOTHING "; nothing was changed anywhere"

static void test_agree(void)
{
	CHECK_STR(agreed("", "", ID_ANY, false), "1000 1000");
	CHECK_STR(agreed("M 500", "M 2000", ID_ANY, false), "2000 2000");
	CHECK_STR(agreed(USER("a", "1000") USER("b", "1002"), GROUP("c", "1001"), ID_ANY, false), "1003 1003");
	CHECK_STR(agreed("", USER("alice", "1234") GROUP("alice", "1300"), ID_ANY, false), "1234 1300");
	CHECK_STR(agreed("", "", ID_ANY, true), "999 999");
	CHECK_STR(agreed("M 500", "M 2000", ID_ANY, true), "499 499");
	/* one host does not move the ids of all */
	CHECK_STR(agreed("M 4294967294", "", ID_ANY, true), "999 999");
	CHECK_STR(agreed("M 4294967294", "M 60001", ID_ANY, false), "1000 1000");
	CHECK_STR(agreed("M 60000", "M 0", ID_ANY, false), "60000 60000");
	/* its group has another gid on the second host */
	CHECK_STR(agreed(GROUP("alice", "2001"), GROUP("alice", "2002"), ID_ANY, false),
		  "alice: its group has gid 2002, and not 2001 on h2" NOTHING);
	CHECK_STR(agreed(GROUP("alice", "2001"), GROUP("alice", "2001"), ID_ANY, false), "1000 2001");
	CHECK_STR(agreed(USER("bob", "1500"), "", 1500, false), "alice: uid 1500 is bob's on h1" NOTHING);
	CHECK_STR(agreed(GROUP("web", "1500"), "", 1500, false), "1500 1000");
	CHECK_STR(agreed(USER("alice", "1500"), "", 1501, false), "alice: it has uid 1500, and not 1501 on h1" NOTHING);
	CHECK_STR(agreed(USER("alice", "1500"), USER("alice", "1501"), ID_ANY, false),
		  "alice has uid 1500 on h1, uid 1501 on h2" NOTHING);
	CHECK_STR(agreed(USER("alice", "1500"), USER("bob", "1500"), ID_ANY, false), "alice: uid 1500 is bob's on h2" NOTHING);
	CHECK_STR(agreed(USER("alice", "0"), "", ID_ANY, true), "alice: uid 0 is never touched on h1" NOTHING);
	CHECK_HAS(agreed("", "", 65534, false), "uid 65534 is the system's");
	CHECK_HAS(agreed("Q alice:x:1500:1500::/:/", "", ID_ANY, false), "it comes from the name service");
}

#define FLEET 10000

/* Many hosts cost little more than each of them, and what is said of them has an end. */
static void test_agree_on_many(void)
{
	static char names[FLEET][8];
	static const char *list[FLEET];
	static struct found found[FLEET];
	struct fleet hosts = { .found = found, .names = list, .n = FLEET };
	struct wants w = { .min_uid = ID_ANY };
	char text[80], *why;

	wants_add(&w, "alice", false)->make = true;
	for (int i = 0; i < FLEET; i++) {
		int len = snprintf(text, sizeof(text), "P alice:x:%d:100::/:/\nE\n", 1000 + i);

		(void)snprintf(names[i], sizeof(names[i]), "h%d", i);
		list[i] = names[i];
		CHECK(found_add(&found[i], text, (size_t)len));
		found_read(&found[i]);
	}
	why = agree_ids(&w, &hosts);
	CHECK_HAS(why, "alice has uid 1000 on h0, uid 1001 on h1, ");
	CHECK_HAS(why, ", ..." NOTHING);
	CHECK(why && strlen(why) < 2000);
	free(why);
	wants_free(&w);
	for (int i = 0; i < FLEET; i++)
		found_free(&found[i]);
}

/* ---- steps ---- */

/* The words of what is to be done for n wants, or the fault; program may be NULL. */
static const char *planned_all(const char *host, struct want *like, size_t n, bool remove_home, const char *in_program)
{
	static char text[2000];
	struct found f = { .whole = false };
	struct wants w = { .v = like, .n = n, .min_uid = ID_ANY, .remove_home = remove_home };
	struct plan p;
	char *words;

	CHECK(found_add(&f, "I 0\nW\n", 6) && found_add(&f, host, strlen(host)) && found_add(&f, "\nE\n", 3));
	found_read(&f);
	if (plan_make(&p, &w, &f) != 0) {
		(void)snprintf(text, sizeof(text), "%s", p.fault);
	} else {
		words = plan_words(&p, p.n);
		(void)snprintf(text, sizeof(text), "%s", words);
		free(words);
		if (in_program)
			CHECK_HAS(p.program, in_program);
		CHECK(strcmp(p.program + p.program_len - 4, "#end") == 0);
	}
	plan_free(&p);
	found_free(&f);
	return text;
}

static const char *planned(const char *host, struct want *like, bool remove_home, const char *in_program)
{
	return planned_all(host, like, 1, remove_home, in_program);
}

static void test_plan(void)
{
	static const char there[] = "P al:x:1500:1500::/home/al:/bin/sh\nG al:x:1500:\nS al 0 n - -\nH al d 1500\nK none";
	static const char lodger[] = "P al:x:1500:1500::/home/al:/bin/sh\nP bo:x:1501:1501::/home/al/bo:/bin/sh\nH al d 1500";
	static const char linked[] = "P al:x:1500:1500::/home/al:/bin/sh\nH al l 0";
	struct want u = {
		.name = "al", .from = "", .make = true, .id = ID_ANY, .expire = EXPIRE_AS_IS, .new_id = 1500, .new_gid = 1500
	};
	struct want v = u;

	CHECK_STR(planned("", &u, false, "'al' '1500' '1500' '/home/al'"), "al: added uid=1500");
	CHECK_STR(planned(there, &u, false, NULL), "");
	v.comment = "it's $(x) \\";
	CHECK_STR(planned(there, &v, false, "'it'\\''s $(x) \\'"), "al: comment=it's $(x) \\");
	v.comment = NULL;
	v.state = STATE_LOCKED;
	CHECK_STR(planned(there, &v, false, NULL), "al: locked");
	v.state = STATE_ABSENT;
	CHECK_STR(planned(there, &v, false, "del_user 'al' '1500' '1500' '' '' 'group'"), "al: removed");
	CHECK_STR(planned(there, &v, true, "del_user 'al' '1500' '1500' '/home/al'"), "al: removed");
	CHECK_STR(planned(lodger, &v, true, NULL), "al: bo lives in its home /home/al");
	CHECK_STR(planned(linked, &v, true, NULL), "al: its home /home/al is a symbolic link");
	CHECK_STR(planned("", &v, false, NULL), "");
	v = u;
	v.make = false;
	CHECK_STR(planned("", &v, false, NULL), "no user al");
	CHECK_STR(planned("I 5", &u, false, NULL), "only root changes accounts there; use --sudo");
}

/* A home is removed where nobody else lives in it, however that is written. */
static void test_lodgers(void)
{
	static const char *const in[] = {
		"/home/al", "/home/al/", "/home//al/sub", "//home/./al", "/./home/al/./sub//", "/home/x/../al", "/srv/..", NULL
	};
	static const char *const out[] = { "", "/", "/home", "/home/al2", "/home/.al", "/home/a/l", "/home/...", "home2/al", NULL };
	struct want u = { .name = "al", .from = "", .state = STATE_ABSENT, .id = ID_ANY, .expire = EXPIRE_AS_IS };
	char host[300];

	for (int yes = 0; yes < 2; yes++)
		for (size_t i = 0; yes ? in[i] != NULL : out[i] != NULL; i++) {
			(void)snprintf(host, sizeof(host), "P al:x:1500:1500::/home/al:/bin/sh\nP bo:x:1501:1501::%s:/bin/sh\n"
				       "H al d 1500", yes ? in[i] : out[i]);
			CHECK_STR(planned(host, &u, true, NULL), yes ? "al: bo lives in its home /home/al" : "al: removed");
		}
}

/* What is there already matters where it will not be so in the end. */
static void test_changes(void)
{
	static const char there[] = "P al:x:1500:1500::/home/al:/bin/sh\nG al:x:1500:\nG web:x:2000:\nG old:x:1500:\nH al d 1500";
	static const char locked[] = "P al:x:1500:1500::/home/al:/bin/sh\nS al 1 n 1 -";
	static const char full[] = "P al:x:1500:1500::/home/al:/bin/sh\nH al d 1500\nK second\nK file\nK " K2 "\nK ";
	struct want u = { .name = "al", .from = "", .id = ID_ANY, .expire = EXPIRE_AS_IS };
	char host[400], hash[] = "$1$salt$abcdefghijklmnopqrstuv";
	static const struct { const char *home, *words; } homes[] = {
		{ "H al n -", "al: group=web, home=/home/b" }, { "H al d 1500", "al: group=web, home=/home/b" },
		{ "H al d 0", "al: its home /home/b belongs to uid 0" }, { "H al l 1500", "al: its home /home/b is a symbolic link" },
		{ "H al o 1500", "al: its home /home/b is no folder" },
	};

	/* a lock is one whatever was locked */
	u.hash = hash;
	CHECK_STR(planned(locked, &u, false, "lock 'al'"), "al: password");
	u.hash = NULL;
	/* another home, of its new group */
	u.home = "/home/b";
	u.group = "web";
	for (size_t i = 0; i < sizeof(homes) / sizeof(*homes); i++) {
		(void)snprintf(host, sizeof(host), "%s\n%s", there, homes[i].home);
		CHECK_STR(planned(host, &u, false, i ? NULL : "make_home 'al' '1500' '2000' '/home/b'"), homes[i].words);
	}
	u.home = u.group = NULL;
	/* authorized_keys2 counts where no other key may do */
	u.keys_exclusive = true;
	CHECK_STR(planned(full, &u, false, NULL), "al: ~/.ssh/authorized_keys2 may let others in: remove it first");
	u.keys_exclusive = false;
	CHECK_STR(planned(full, &u, false, NULL), "");
}

/* Groups that go, and who is in them until then. */
static void test_groups(void)
{
	static const char there[] = "P al:x:1500:1500::/home/al:/bin/sh\nG old:x:1500:al\nG web:x:2000:\nG al:x:2500:";
	struct want v[2] = {
		{ .name = "old", .from = "", .is_group = true, .state = STATE_ABSENT, .id = ID_ANY, .new_id = ID_ANY },
		{ .name = "al", .from = "", .id = ID_ANY, .expire = EXPIRE_AS_IS, .new_id = ID_ANY, .new_gid = ID_ANY },
	};
	static const char fault[] = "group old is the group of the user al";

	CHECK_STR(planned_all(there, v, 1, false, NULL), fault);
	CHECK_STR(planned_all(there, v, 2, false, NULL), fault);
	v[1].group = "1500";
	CHECK_STR(planned_all(there, v, 2, false, NULL), fault);
	v[1].group = "web";
	CHECK_STR(planned_all(there, v, 2, false, NULL), "al: group=web; old: group removed");
	v[1].state = STATE_ABSENT;
	CHECK_STR(planned_all(there, v, 2, false, NULL), "al: removed; old: group removed");
	/* a group of its own that is declared too is made once */
	v[0] = (struct want){ .name = "al", .from = "", .is_group = true, .make = true, .id = 3000, .new_id = 3000 };
	v[1].make = true;
	v[1].state = STATE_AS_IS;
	v[1].group = NULL;
	v[1].new_id = 1500;
	v[1].new_gid = 3000;
	CHECK_STR(planned_all("", v, 2, false, "run 2 add_user 'al' '1500' '3000'"), "al: group added gid=3000, added uid=1500");
}

/* A host that says as much as it may of what takes longest. */
static void test_many(void)
{
	struct want u = { .name = "al", .from = "", .id = ID_ANY, .expire = EXPIRE_AS_IS };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct found *f;

	(void)fputs("P al:x:1500:1500::/home/al:/bin/sh\n", out);
	for (int i = 0; i < FOUND_COUNT_MAX; i++)
		(void)fprintf(out, "G g%d:x:%d:al\n", i, 5000 + i);
	(void)fclose(out);
	CHECK_STR(planned(text, &u, false, NULL), "");
	u.groups = "+web";
	CHECK_STR(planned(text, &u, false, NULL), "al: a member of too many groups");
	u.state = STATE_ABSENT;
	CHECK_STR(planned(text, &u, false, NULL), "al: a member of too many groups");
	free(text);
	/* one more than may be */
	out = open_memstream(&text, &len);
	for (int i = 0; i <= FOUND_COUNT_MAX; i++)
		(void)fprintf(out, "P u%d:x:%d:1::/:/\n", i, i);
	(void)fputs("E\n", out);
	(void)fclose(out);
	f = hear(text, len);
	CHECK_STR(f->fault, "the host has too many accounts or groups");
	forget(f);
	free(text);
	/* shadow(5) in the other order, which is all looked up */
	out = open_memstream(&text, &len);
	for (int i = 0; i < FOUND_COUNT_MAX; i++)
		(void)fprintf(out, "P u%d:x:%d:1::/:/\n", i, i);
	for (int i = FOUND_COUNT_MAX; i-- > 0;)
		(void)fprintf(out, "S u%d 0 h - -\n", i);
	(void)fputs("E\n", out);
	(void)fclose(out);
	f = hear(text, len);
	CHECK(!f->fault && f->accounts[0].shadow_known && f->accounts[FOUND_COUNT_MAX - 1].shadow_known);
	forget(f);
	free(text);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_values), TEST(test_hashes), TEST(test_answer), TEST(test_cut), TEST(test_hostile), TEST(test_merge),
		TEST(test_agree), TEST(test_agree_on_many), TEST(test_plan), TEST(test_lodgers), TEST(test_changes),
		TEST(test_groups), TEST(test_many), { NULL, NULL }
	};

	random_start();
	return test_main(tests, argc, argv);
}
