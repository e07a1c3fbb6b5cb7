/* sluice-send: the command line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "send/control.h"
#include "send/sender.h"

struct line {
	const char *command, *config;
	bool yes, help, version;
	char **operands;
	int n;
};

static void help(FILE *to)
{
	fprintf(to, "%s",
		"sluice-send - sends logs reliably to a Sluice, as a device does\n"
		"\n"
		"  sluice-send [send] [OPTION...] [FILE...]     lines of files, of stdin (-), of "
		"local "
		"syslog\n"
		"  sluice-send trust [--yes] [OPTION...]        who is the server? first contact\n"
		"  sluice-send test-connectivity [OPTION...]    would it take our logs?\n"
		"  sluice-send diagnose 1|30|41 --control PATH  of one that runs: state, items, "
		"queues\n"
		"\n"
		"Options, each also as a line \"set NAME VALUE\" of --config FILE (an option goes "
		"before):\n"
		"  --config FILE\n");
	settings_help(to);
	fprintf(to, "%s",
		"  --help, --version\n"
		"\n"
		"Without FILE and without syslog-socket and syslog-udp it reads stdin. It ends "
		"when "
		"all was read\nand is confirmed. Exit status: 0 done; 1 failed, or not all is "
		"confirmed; 2 usage; 3 (diagnose)\nnone runs there. docs/sluice-send.md tells "
		"more.\n");
}

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "sluice-send: %s%s\nsluice-send --help has all options\n", what, word);
	return -1;
}

/* The configuration first, so that options go before it whatever their order. */
static int read_config(struct settings *s, const char *path)
{
	char text[SETTINGS_FILE + 1], err[400];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f) {
		fprintf(stderr, "sluice-send: %s: %s\n", path, strerror(errno));
		return -1;
	}
	n = fread(text, 1, sizeof(text), f);
	if (ferror(f) || n > SETTINGS_FILE) {
		fprintf(stderr, "sluice-send: %s: %s\n", path,
			ferror(f) ? strerror(errno) : "too long");
		fclose(f);
		return -1;
	}
	fclose(f);
	if (settings_parse(s, text, n, err, sizeof(err)) == 0)
		return 0;
	fprintf(stderr, "sluice-send: %s: %s\n", path, err);
	return -1;
}

/* `--name value` or `--name=value` at argv[*at]; the value, or NULL. */
static const char *value_of(char **argv, int argc, int *at, char *name, size_t size)
{
	const char *word = argv[*at] + 2, *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : strlen(word);

	snprintf(name, size, "%.*s", (int)n, word);
	if (equals)
		return equals + 1;
	return *at + 1 < argc ? argv[++*at] : NULL;
}

/* Called twice: for --config and the operands, then for the settings. */
static int take(struct line *l, struct settings *s, int argc, char **argv, bool settings)
{
	bool only_operands = false;

	l->n = 0;
	for (int i = 1; i < argc; i++) {
		char name[64], err[400];
		const char *value;

		if (only_operands || strncmp(argv[i], "--", 2) != 0) {
			l->operands[l->n++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			only_operands = true;
		} else if (strcmp(argv[i], "--help") == 0) {
			l->help = true;
		} else if (strcmp(argv[i], "--version") == 0) {
			l->version = true;
		} else if (strcmp(argv[i], "--yes") == 0) {
			l->yes = true;
		} else {
			value = value_of(argv, argc, &i, name, sizeof(name));
			if (!value)
				return usage("a value is missing for --", name);
			if (strcmp(name, "config") == 0)
				l->config = value;
			else if (settings && settings_set(s, name, value, err, sizeof(err)) != 0)
				return usage(err, "");
		}
	}
	return 0;
}

static const char *command_of(struct line *l)
{
	static const char *const commands[] = {"send", "trust", "test-connectivity", "diagnose"};

	for (size_t i = 0; l->n > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(l->operands[0], commands[i]) == 0) {
			l->operands++;
			l->n--;
			return commands[i];
		}
	return commands[0];
}

static enum send_exit diagnose(const struct line *l, const struct settings *s)
{
	int rc;

	if (l->n != 1 || !s->control[0] ||
		(strcmp(l->operands[0], "1") != 0 && strcmp(l->operands[0], "30") != 0 &&
			strcmp(l->operands[0], "41") != 0)) {
		usage("diagnose needs 1, 30 or 41, and --control PATH", "");
		return SEND_USAGE;
	}
	rc = control_ask(s->control, l->operands[0], stdout);
	if (rc == 0)
		return SEND_DONE;
	fprintf(stderr, "sluice-send: %s: %s\n", s->control, strerror(-rc));
	return SEND_NOBODY;
}

static void warn_if_all_can_read(const char *path)
{
	struct stat st;

	if (path[0] && stat(path, &st) == 0 && (st.st_mode & S_IROTH))
		fprintf(stderr, "sluice-send: warning: everybody can read %s: chmod 0600 %s\n",
			path, path);
}

static enum send_exit act(struct line *l, const struct settings *s)
{
	static char stdin_name[] = "-";
	char err[400];

	if (strcmp(l->command, "diagnose") == 0)
		return diagnose(l, s);
	if (strcmp(l->command, "trust") == 0 && s->server[0] && l->n == 0)
		return send_trust(s, l->config, l->yes);
	if (settings_check(s, err, sizeof(err)) != 0) {
		usage(err, "");
		return SEND_USAGE;
	}
	warn_if_all_can_read(s->certificate_password);
	warn_if_all_can_read(s->legacy_password);
	if (strcmp(l->command, "send") != 0 && l->n > 0) {
		usage("too much: ", l->operands[0]);
		return SEND_USAGE;
	}
	if (strcmp(l->command, "test-connectivity") == 0)
		return send_test(s);
	if (l->n == 0 && !s->syslog_socket[0] && !s->syslog_udp[0])
		l->operands[l->n++] = stdin_name;
	return send_run(s, l->operands, l->n);
}

int main(int argc, char **argv)
{
	struct settings s;
	struct line l = {0};
	char **operands = calloc((size_t)argc + 1, sizeof(*operands));
	int status = SEND_USAGE;

	if (!operands)
		return SEND_FAILED;
	l.operands = operands;
	settings_default(&s);
	if (take(&l, &s, argc, argv, false) == 0 && (!l.config || read_config(&s, l.config) == 0) &&
		take(&l, &s, argc, argv, true) == 0) {
		l.command = command_of(&l);
		status = SEND_DONE;
		if (l.help)
			help(stdout);
		else if (l.version)
			printf("sluice-send " SLUICE_VERSION "\n");
		else
			status = act(&l, &s);
	}
	free(operands);
	return status;
}
