#include <string.h>

#include "control/cli/cli.h"

static const char global_help[] =
	"  --socket PATH        sluiced's socket (else SLUICE_SOCKET, else control.socket of\n"
	"                       /etc/sluice/sluice.yaml, else /run/sluice/control.sock)\n"
	"  --json               the result as JSON\n"
	"  --help               of everything, a command, or one of its verbs\n"
	"  --version            of sluicectl alone\n";

static const char exit_help[] =
	"Exit status: 0 done, 1 refused or failed, 2 usage, 3 no sluiced there, 4 no right,\n"
	"5 not found, 6 timeout; journal verify: 10 torn tail, 11 corruption;\n"
	"cert check: 12 it would be refused here.\n";

static void command_line(const struct command *c, FILE *out)
{
	char line[80];

	snprintf(line, sizeof(line), "%s%s%s%s%s", c->noun, c->verb ? " " : "",
		c->verb ? c->verb : "", c->operands ? " " : "", c->operands ? c->operands : "");
	fprintf(out, "  %-34s %s\n", line, c->about);
}

void help_all(FILE *out)
{
	const char *last = "";

	fputs("usage: sluicectl [--socket PATH] [--json] COMMAND [VERB] [OPTION]...\n", out);
	for (const struct command *c = commands; c->noun; c++) {
		if (strcmp(c->noun, last) != 0 && (c->verb || last[0] == '\0'))
			fputc('\n', out);
		last = c->noun;
		command_line(c, out);
	}
	fputs("\nOptions of all commands:\n", out);
	fputs(global_help, out);
	fputc('\n', out);
	fputs(exit_help, out);
}

void help_noun(const char *noun, FILE *out)
{
	fprintf(out, "usage: sluicectl %s VERB [OPTION]...\n\n", noun);
	for (const struct command *c = commands; c->noun; c++)
		if (strcmp(c->noun, noun) == 0)
			command_line(c, out);
}

void help_command(const struct command *c, FILE *out)
{
	fprintf(out, "usage: sluicectl %s%s%s%s%s%s\n\n%s\n", c->noun, c->verb ? " " : "",
		c->verb ? c->verb : "", c->operands ? " " : "", c->operands ? c->operands : "",
		c->options ? " [OPTION]..." : "", c->about);
	if (c->more)
		fprintf(out, "\n%s", c->more);
	fputs("\nOptions:\n", out);
	for (const struct option_spec *o = c->options; o && o->name; o++) {
		char name[40];

		snprintf(name, sizeof(name), "--%s%s%s", o->name, o->value ? " " : "",
			o->value ? o->value : "");
		fprintf(out, "  %-20s %s\n", name, o->help);
	}
	fputs(global_help, out);
}
