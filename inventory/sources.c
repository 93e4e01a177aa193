/*
 * sources - from a path or FORMAT:PATH to hosts: what is it, and who reads it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inventory/internal.h"

#define TEXT_LIMIT (256UL << 20)

typedef int source_fn(struct inventory *inv, const char *file, const char *text, size_t len, struct dt_err *err);

/* ---- what a text is ---- */

static bool is_key_type(const char *s, size_t n)
{
	static const char *const prefixes[] = { "ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (n > strlen(prefixes[i]) && strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

struct traits {
	bool sections;		/* "[...]" */
	bool ours;		/* all of them are of dt's own names */
	bool equals;		/* an entry is "name = ..." */
	bool before;		/* something stands before the first section */
	bool ansible;		/* [...:vars], [...:children] */
	bool variables;		/* ansible_...= behind a host */
	bool key_types;
};

static bool our_section(const char *s, size_t n)
{
	return (n == 5 && strncmp(s, "hosts", n) == 0) || (n == 8 && strncmp(s, "defaults", n) == 0) ||
	       (n > 7 && strncmp(s, "domain ", 7) == 0) || (n > 4 && strncmp(s, "tag ", 4) == 0);
}

static bool ends_with(const char *s, const char *end, const char *suffix)
{
	size_t n = strlen(suffix);

	return (size_t)(end - s) >= n && strncmp(end - n, suffix, n) == 0;
}

/* A word "ansible_...=" behind the name of a host. */
static bool has_variable(const char *s, const char *end)
{
	static const char prefix[] = "ansible_";
	bool blank = false;

	for (; s < end; blank = *s == ' ' || *s == '\t', s++) {
		const char *p = s;

		if (!blank || (size_t)(end - s) < sizeof(prefix) || strncmp(s, prefix, sizeof(prefix) - 1) != 0)
			continue;
		while (p < end && (*p == '_' || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')))
			p++;
		if (p < end && *p == '=')
			return true;
	}
	return false;
}

static void look_at_line(struct traits *t, const char *s, const char *end)
{
	const char *words[3] = { s, end, end };
	size_t lens[3] = { 0 };

	for (size_t i = 0; i < 3; i++) {
		while (s < end && (*s == ' ' || *s == '\t'))
			s++;
		words[i] = s;
		while (s < end && *s != ' ' && *s != '\t')
			s++;
		lens[i] = (size_t)(s - words[i]);
	}
	if (!lens[0] || *words[0] == '#' || *words[0] == ';')
		return;
	/* a tag may look like a key's type; with @marker it is one place on */
	if (*words[0] == '@' ? is_key_type(words[2], lens[2])
	    : is_key_type(words[1], lens[1]) && lens[2] > 4 && strncmp(words[2], "AAAA", 4) == 0) {
		t->key_types = true;
	} else if (*words[0] == '[' && (end[-1] == ']' || !memchr(words[0], ']', (size_t)(end - words[0])))) {
		/* also one without its ']', which the reader tells of */
		t->ours &= end[-1] != ']' || our_section(words[0] + 1, (size_t)(end - words[0]) - 2);
		t->ansible |= ends_with(words[0], end, ":vars]") || ends_with(words[0], end, ":children]");
		t->sections = true;
	} else {
		t->before |= !t->sections;
		t->equals |= (*words[1] == '=' && lens[1]) || words[0][lens[0] - 1] == '=';
		t->variables |= has_variable(words[0], end);
	}
}

size_t source_mark(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* "key:", "- item" or "---", as only YAML begins. */
static bool is_yaml(const char *s, const char *end)
{
	size_t n = (size_t)(end - s), key = 0;

	if ((n >= 3 && strncmp(s, "---", 3) == 0) || (n >= 5 && strncmp(s, "%YAML", 5) == 0))
		return true;
	if (n >= 2 && *s == '-' && (s[1] == ' ' || s[1] == '\t'))
		return true;
	while (key < n && !strchr(" \t:=[@|,", s[key]))
		key++;
	return key && key < n && s[key] == ':' && (key + 1 == n || s[key + 1] == ' ' || s[key + 1] == '\t');
}

/* '{' and '[' that go on as an object or an array does, and as no range or section. */
static bool is_json(const char *s, const char *end)
{
	const char *next = s + 1;

	if (*s != '{' && *s != '[')
		return false;
	while (next < end && strchr(" \t\r\n", *next))
		next++;
	return next == end || *next == '"' || *next == '{' || (*s == '{' && *next == '}');
}

const char *source_alien(const char *text, size_t len)
{
	const char *end = text + len;

	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return "UTF-16 text, and not UTF-8";
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end, *s = text;

		while (s < stop && strchr(" \t\r", *s))
			s++;
		while (stop > s && strchr(" \t\r", stop[-1]))
			stop--;
		if (s < stop && *s != '#' && *s != ';')
			return is_json(s, end) ? "a JSON file" : is_yaml(s, stop) ? "a YAML file" : NULL;
		text = nl ? nl + 1 : end;
	}
	return NULL;
}

static source_fn *look(const char *text, size_t len)
{
	struct traits t = { .ours = true };
	const char *end = text + len;

	while (text < end && !t.key_types) {
		const char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end;

		while (stop > text && strchr(" \t\r", stop[-1]))
			stop--;
		look_at_line(&t, text, stop);
		text = nl ? nl + 1 : end;
	}
	if (t.key_types)
		return source_known_hosts;
	if (t.ansible || (t.variables && !t.equals))
		return source_ansible;
	if (!t.sections)
		return source_dtdb;
	/* a misspelt section of ours is told by the reader of ours */
	return (t.ours && !t.before) || t.equals ? source_ini : source_ansible;
}

/* ---- reading ---- */

static int is_store(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	char head[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, head, sizeof(head)) : -1;

	if (fd >= 0)
		(void)close(fd);
	return n == sizeof(head) && memcmp(head, magic, sizeof(head)) == 0;
}

static int read_text(const char *path, bool run, struct buf *text, struct dt_err *err)
{
	/* a name without a folder is a file here, not a command of PATH */
	const char *folder = strchr(path, '/') ? "" : "./";
	char *program = NULL;
	int r;

	if (strcmp(path, "-") == 0) {
		r = read_fd(STDIN_FILENO, "standard input", text, err);
	} else if (run) {
		r = asprintf(&program, "%s%s", folder, path) < 0
			    ? err_nomem(err) : program_output((char *const[]){ program, NULL }, text, err);
	} else {
		r = read_file(path, text, err);
	}
	free(program);
	return r;
}

static int add_path(struct inventory *inv, const char *format, const char *path, struct dt_err *err)
{
	static const struct {
		const char *name;
		source_fn *fn;
	} readers[] = {
		{ "ini", source_ini }, { "dtdb", source_dtdb }, { "names", source_names },
		{ "known_hosts", source_known_hosts }, { "ansible", source_ansible },
	};
	bool input = strcmp(path, "-") == 0, run = str_eq(format, "exec");
	const char *name = input ? "standard input" : path, *alien;
	source_fn *fn = NULL;
	size_t mark;
	struct stat st;
	struct buf text;
	int r;

	if (str_eq(format, "store"))
		return store_open(inv, path, err);
	if (!input && stat(path, &st) != 0)
		return err_sys(err, ERR_USAGE, errno, "%s", path);
	if (!input && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "%s: a folder, no inventory", path);
	/* a pipe would lose what is looked at */
	if (!format && !input && S_ISREG(st.st_mode) && is_store(path))
		return store_open(inv, path, err);
	if (!format && !input && S_ISREG(st.st_mode) && access(path, X_OK) == 0 && (st.st_mode & 0111))
		run = true;
	buf_init(&text, TEXT_LIMIT);
	r = read_text(path, run, &text, err);
	for (size_t i = 0; format && i < ARRAY_LEN(readers); i++)
		if (strcmp(format, readers[i].name) == 0)
			fn = readers[i].fn;
	mark = r == 0 ? source_mark(text.data, text.len) : 0;
	alien = r == 0 ? source_alien(text.data + mark, text.len - mark) : NULL;
	if (alien)
		r = err_set(err, ERR_USAGE, "%s: this is %s; inventories are INI or lists here, Ansible's too (dt-inventory(5))",
			    name, alien);
	if (r == 0)
		r = (fn ? fn : look(text.data + mark, text.len - mark))(inv, name, text.data + mark, text.len - mark, err);
	buf_release(&text);
	return r;
}

int inventory_add(struct inventory *inv, const char *spec, struct dt_err *err)
{
	static const char *const formats[] = { "store", "ini", "dtdb", "names", "known_hosts", "ansible", "exec" };
	const char *format = NULL;
	char *path;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (str_starts(spec, formats[i]) && spec[strlen(formats[i])] == ':') {
			format = formats[i];
			spec += strlen(format) + 1;
			break;
		}
	path = expand_tilde(spec);
	if (!path)
		return err_nomem(err);
	inv->sources++;
	r = add_path(inv, format, path, err);
	free(path);
	return r;
}

int inventory_add_default_store(struct inventory *inv, struct dt_err *err)
{
	char *path = xdg_path("XDG_DATA_HOME", ".local/share", "dt/inventory.db", err);
	int r;

	if (!path)
		return -1;
	inv->sources++;
	r = store_open(inv, path, err);
	free(path);
	return r;
}
