/*
 * sluicectl: a table of commands (commands.c), their arguments (args.c), the way to sluiced and
 * back (call.c, conn.c), and what people see of the answers (show_*.c). Nothing here is global: the
 * whole program can be run by a test.
 */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "control/cli/exit.h"
#include "tls/secret.h"

#define CLI_MAX_OPERANDS 8
#define CLI_MAX_OPTIONS	 16

struct cli {
	FILE *out, *err;
	const char *socket; /* where sluiced is looked for */
	bool json;
	char refused[32]; /* the reason of the last answer that was an error; "": none */
};

struct option_spec {
	const char *name;  /* without its dashes; NULL ends a list */
	const char *value; /* what stands for its value in help; NULL: a flag */
	const char *help;
};

struct args;

struct command {
	const char *noun, *verb; /* verb NULL: the noun is a command by itself */
	const char *operands;	 /* for help: "[DEVICE]"; NULL: none */
	unsigned least, most;	 /* operands */
	const char *about;	 /* a line for the list */
	const char *more;	 /* further help, or NULL */
	const struct option_spec *options;
	/* Either all of it: an exit status; */
	int (*run)(struct cli *cli, const struct args *args);
	/* or a request, with parameters (NULL after a message: usage error), and how to show its
	 * result (not called with --json). */
	const char *method;
	json_t *(*params)(struct cli *cli, const struct args *args);
	void (*show)(struct cli *cli, const json_t *result);
};

/* Up to a NULL noun. */
extern const struct command commands[];

/* A command line. */
struct args {
	const struct command *command; /* NULL with `help` */
	const char *noun;	       /* for help about a noun */
	bool help, version, json;
	const char *socket;
	unsigned operands_count, options_count;
	const char *operands[CLI_MAX_OPERANDS];
	struct {
		const struct option_spec *spec;
		const char *value; /* "" for a flag */
	} options[CLI_MAX_OPTIONS];
};

/* 0, or CLI_USAGE with a message on `err`. Texts are those of argv. */
int args_parse(struct args *a, int argc, char **argv, FILE *err);
/* The value of an option of this command, the last where it was given twice; NULL: not given. */
const char *args_option(const struct args *a, const char *name);
/* Operand `i`, or NULL. */
const char *args_operand(const struct args *a, unsigned i);

/* Help about everything, a noun, or a command. */
void help_all(FILE *out);
void help_noun(const char *noun, FILE *out);
void help_command(const struct command *c, FILE *out);

/*
 * The program. `argv` as main() has it. The environment names SLUICE_SOCKET; `config_file` is where
 * control.socket is looked up when neither that nor --socket is given.
 */
int cli_main(int argc, char **argv, const char *config_file, FILE *out, FILE *err);

/* ---- requests (call.c) ------------------------------------------------------------------ */

#define CALL_TIMEOUT_US 30000000u

struct conn;

/* Says on cli->err what is wrong. */
__attribute__((format(printf, 2, 3))) void cli_error(struct cli *cli, const char *format, ...);

/* What --password-file names, or what is typed (tls/secret.h); false after a message. */
bool cli_secret(struct cli *cli, const struct args *args, const char *what, bool twice,
	char secret[SECRET_MAX]);

/* A whole number within bounds, which are told where it is none of them: false after a message.
 * `what` it is: "--days". */
bool cli_number(struct cli *cli, const char *what, const char *text, uint64_t least, uint64_t most,
	uint64_t *v);
/* The option of this name as a number of `params`, where it is given; false after a message. */
bool cli_add_number(struct cli *cli, const struct args *args, const char *option, uint64_t least,
	uint64_t most, json_t *params);

/* Opens the connection; CLI_DONE or the exit status, after a message. */
int cli_connect(struct cli *cli, struct conn *conn);
/* The exit status for an answer that is an error, after its message. */
int cli_refused(struct cli *cli, const json_t *error);
/* The exit status for a failed conn_read(), after a message. */
int cli_broken(struct cli *cli, int conn_result);
/* Sends and waits; takes `params`. CLI_DONE with *result (the caller's), or the exit status. */
int cli_request(struct cli *cli, struct conn *conn, const char *method, json_t *params,
	uint64_t timeout_us, json_t **result);
/* The same on a connection of its own. */
int cli_call(
	struct cli *cli, const char *method, json_t *params, uint64_t timeout_us, json_t **result);

/* One line of JSON, flushed. */
void cli_print_json(struct cli *cli, const json_t *value);

/* ---- commands with a program of their own ------------------------------------------------- */

int run_wait_ready(struct cli *cli, const struct args *args);
int run_version(struct cli *cli, const struct args *args);
int run_config_check(struct cli *cli, const struct args *args);
int run_top(struct cli *cli, const struct args *args);
int run_log_show(struct cli *cli, const struct args *args);
int run_cert_import(struct cli *cli, const struct args *args);
int run_cert_check(struct cli *cli, const struct args *args);
int run_cert_delete(struct cli *cli, const struct args *args);
int run_cert_show(struct cli *cli, const struct args *args);
int run_cert_request(struct cli *cli, const struct args *args);
int run_cert_ca_init(struct cli *cli, const struct args *args);
int run_cert_issue(struct cli *cli, const struct args *args);
int run_cert_export(struct cli *cli, const struct args *args);
int run_debug_start(struct cli *cli, const struct args *args);
int run_journal_list(struct cli *cli, const struct args *args);
int run_journal_verify(struct cli *cli, const struct args *args);

#endif
