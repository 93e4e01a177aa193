#include "dt/cli/complete_script.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dt/cli/complete_impl.h"

/* ---- the scripts ---- */

/*
 * Each runs the dt that stands in the line.  What comes back is data to all of them: no word of
 * it is evaluated.
 */
static const char *const bash_script =
	"# dt(1) for bash, printed by \"dt completion bash\"; dt itself finds the candidates.\n"
	"_dt()\n"
	"{\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT}\n"
	"\tmapfile -t COMPREPLY < <(\"${1/#'~/'/$HOME/}\" completion words --bash \"$2\" \"$line\" 2>/dev/null </dev/null)\n"
	"\tif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=/~] ]]; then\n"
	"\t\tcompopt -o nospace 2>/dev/null\n"
	"\tfi\n"
	"\tif [[ ${#COMPREPLY[@]} -eq 0 && $line == *[\\<\\>]* ]]; then\n"
	"\t\tcompopt -o default 2>/dev/null\n"
	"\tfi\n"
	"}\n"
	"complete -o nosort -F _dt dt 2>/dev/null || complete -F _dt dt\n";

static const char *const zsh_script =
	"#compdef dt\n"
	"# dt(1) for zsh, printed by \"dt completion zsh\"; dt itself finds the candidates.\n"
	"_dt()\n"
	"{\n"
	"\tlocal tab=$'\\t' dt=${${(Q)words[1]}/#\\~\\//$HOME/} entry word text list=\n"
	"\tlocal line=\"${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX\"\n"
	"\tlocal -a entries ended ended_text open open_text\n"
	"\tlocal -i width=0\n"
	"\tentries=(\"${(@f)$(command \"$dt\" completion words --about \"$line\" 2>/dev/null </dev/null)}\")\n"
	"\tentries=(\"${(@)entries:#}\")\n"
	"\t# what is left of a ~ that is for the shell to read\n"
	"\t[[ -z $QIPREFIX ]] && compset -P '\\~/' && entries=(\"${(@)entries#\\~/}\")\n"
	"\tfor entry in \"${entries[@]}\"; do\n"
	"\t\t(( ${#${entry%%$tab*}} > width )) && width=${#${entry%%$tab*}}\n"
	"\t\t[[ $entry == *$tab?* ]] && list=-l\n"
	"\tdone\n"
	"\tfor entry in \"${entries[@]}\"; do\n"
	"\t\tword=${entry%%$tab*} text=${entry%%$tab*}\n"
	"\t\t[[ $entry == *$tab?* ]] && text=\"${(r:width:)word}  -- ${entry#*$tab}\"\n"
	"\t\tif [[ $word == *[:=/~] ]]; then\n"
	"\t\t\topen+=(\"$word\") open_text+=(\"${text[1,COLUMNS-1]}\")\n"
	"\t\telse\n"
	"\t\t\tended+=(\"$word\") ended_text+=(\"${text[1,COLUMNS-1]}\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t(( $#ended )) && compadd -V dt $list -d ended_text -a ended\n"
	"\t(( $#open )) && compadd -V dt $list -S '' -d open_text -a open\n"
	"}\n"
	"if [[ $funcstack[1] == _dt ]]; then\n"
	"\t_dt \"$@\"\n"
	"else\n"
	"\tcompdef _dt dt\n"
	"fi\n";

static const char *const fish_script =
	"# dt(1) for fish, printed by \"dt completion fish\"; dt itself finds the candidates.\n"
	"function __dt_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l dt (string replace -r '^~/' $HOME/ -- $words[1])\n"
	"\tset -l line\n"
	"\tfor word in $words\n"
	"\t\tset -a line \"'\"(string replace -a \"'\" \"'\\\\''\" -- $word | string collect)\"'\"\n"
	"\tend\n"
	"\tset -a line (commandline -ct | string collect -a)\n"
	"\tcommand $dt completion words --about (string join -- ' ' $line | string collect) 2>/dev/null </dev/null\n"
	"end\n"
	"complete -c dt -k -f -a '(__dt_complete)'\n";

int complete_script(const char *shell, struct buf *out, struct dt_err *err)
{
	const char *script = strcmp(shell, "bash") == 0 ? bash_script : strcmp(shell, "zsh") == 0 ? zsh_script
			   : strcmp(shell, "fish") == 0 ? fish_script : NULL;

	if (!script)
		return err_set(err, ERR_USAGE, "completion is for bash, zsh and fish, not for %.100s", shell);
	return buf_adds(out, script) == 0 ? 0 : err_nomem(err);
}

/* ---- the answers ---- */

int complete_print(const struct strs *words, const struct strs *about, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < words->n && r == 0; i++)
		r = about ? buf_addf(out, "%s\t%s\n", words->v[i], about->v[i]) : buf_addf(out, "%s\n", words->v[i]);
	return r;
}

/* May it stand in a bash word outside of quotes? */
static bool is_safe(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80 ||
	       strchr("_@%+=:,./-~^", c);
}

/* keep: a ~ at its beginning was typed, and is for the shell to read. */
static int add_quoted(struct buf *out, const char *text, char quote, bool keep)
{
	int r = 0;

	for (const char *p = text; *p && r == 0; p++) {
		if (quote == '\'')
			r = *p == '\'' ? buf_adds(out, "'\\''") : buf_addc(out, *p);
		else if (quote)
			/* ! is read in double quotes, a backslash before it too */
			r = *p == '!' ? buf_adds(out, "\"'!'\"") : strchr("\\\"$`", *p) ? buf_addf(out, "\\%c", *p) : buf_addc(out, *p);
		else
			r = is_safe(*p) && (*p != '~' || p != text || keep) ? buf_addc(out, *p) : buf_addf(out, "\\%c", *p);
	}
	return r;
}

int complete_print_bash(const struct strs *words, const char *line, const char *typed, struct buf *out)
{
	size_t at = str_ends(line, typed) ? strlen(line) - strlen(typed) : 0, start;
	char *before = NULL, quote;
	struct buf read;
	int r;

	buf_init(&read, out->max);
	r = complete_last_word(line, &read, &start, &quote);
	/* what was read of the word before the part that is replaced */
	before = strndup(line, at > start ? at : start);
	buf_clear(&read);
	r = r != 0 || !before ? -1 : complete_last_word(before, &read, &start, &quote);
	for (size_t i = 0; i < words->n && r == 0; i++)
		if (str_starts(words->v[i], read.data))
			r = add_quoted(out, words->v[i] + read.len, quote, *typed == '~') != 0 ? -1 : buf_addc(out, '\n');
	buf_release(&read);
	free(before);
	return r;
}
