/* cert import, check, delete: files that go to sluiced, and what it asks about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "control/cli/cli.h"
#include "control/cli/show.h"
#include "tls/cert.h"

#define FILE_MAX_BYTES CERT_MAX_CRL_FILE

/* The whole file, NUL behind it; NULL after a message. */
static uint8_t *read_file(struct cli *cli, const char *name, size_t *len)
{
	uint8_t *data = calloc(1, FILE_MAX_BYTES + 2);
	FILE *f = data ? fopen(name, "rb") : NULL;

	if (!f) {
		cli_error(cli, "%s: %s", name, strerror(errno));
		free(data);
		return NULL;
	}
	*len = fread(data, 1, FILE_MAX_BYTES + 1, f);
	fclose(f);
	if (*len > 0 && *len <= FILE_MAX_BYTES)
		return data;
	cli_error(cli, "%s: expected a file of 1 byte to 2 MiB", name);
	free(data);
	return NULL;
}

static bool ends_in(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && strcasecmp(name + n - m, ending) == 0;
}

/* Something in it is encrypted, as far as one can see without trying. */
static bool is_encrypted(const char *name, const uint8_t *data, size_t len)
{
	if (data[0] == 0x30)
		return ends_in(name, ".pfx") || ends_in(name, ".p12");
	return memmem(data, len, "ENCRYPTED", 9) != NULL;
}

/* {data, password}; NULL after a message. */
static json_t *file_params(struct cli *cli, const struct args *args)
{
	const char *name = args_operand(args, 0), *from = args_option(args, "password-file");
	char secret[SECRET_MAX] = "";
	size_t len = 0;
	uint8_t *data = read_file(cli, name, &len);
	const bool asked = data && (from || is_encrypted(name, data, len));
	unsigned char *text = data ? malloc(len / 3 * 4 + 8) : NULL;
	json_t *params = NULL;

	if (text && (!asked || cli_secret(cli, args, "Password of the file", false, secret))) {
		EVP_EncodeBlock(text, data, (int)len);
		params = json_pack("{s:s}", "data", (char *)text);
		if (asked)
			json_object_set_new(params, "password", json_string(secret));
	}
	explicit_bzero(secret, sizeof(secret));
	if (data)
		explicit_bzero(data, len);
	free(text);
	free(data);
	return params;
}

/* Asks and shows what comes of it; takes `params` (NULL: after a message). `result`: the caller's,
 * as of cli_call(). */
static int ask_for(struct cli *cli, const char *method, json_t *params,
	void (*show)(struct cli *, const json_t *), json_t **result)
{
	int rc;

	if (!params)
		return CLI_USAGE;
	rc = cli_call(cli, method, params, CALL_TIMEOUT_US, result);
	if (rc == CLI_DONE && cli->json)
		cli_print_json(cli, *result);
	else if (rc == CLI_DONE)
		show(cli, *result);
	return rc;
}

static int ask(struct cli *cli, const char *method, json_t *params,
	void (*show)(struct cli *, const json_t *))
{
	json_t *result = NULL;
	const int rc = ask_for(cli, method, params, show, &result);

	json_decref(result);
	return rc;
}

static bool somebody_is_there(const struct cli *cli)
{
	return !cli->json && isatty(STDIN_FILENO) && isatty(fileno(cli->err));
}

static bool confirmed(const struct cli *cli, const char *question)
{
	char line[16];

	fprintf(cli->err, "%s [y/N] ", question);
	fflush(cli->err);
	return fgets(line, sizeof(line), stdin) &&
	       (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
}

/*
 * The same for what sluiced wants to be sure about: by --yes, or who is asked. Where nobody can be
 * asked it is done all the same, with what would have been asked as a warning, unless it is for
 * `ever`. `undone`: what is not done then.
 */
static int ask_surely(struct cli *cli, const struct args *args, const char *method, json_t *params,
	void (*show)(struct cli *, const json_t *), const char *question, const char *undone,
	bool ever)
{
	const bool yes = args_option(args, "yes") != NULL;
	int rc;

	if (!params)
		return CLI_USAGE;
	if (yes || !cli->json)
		json_object_set_new(params, "sure", json_boolean(yes));
	rc = ask(cli, method, json_incref(params), show);
	if (rc == CLI_FAILED && !cli->json && strcmp(cli->refused, "not_sure") == 0) {
		const bool there = somebody_is_there(cli);

		if (there ? confirmed(cli, question) : !ever) {
			if (!there)
				cli_error(cli, "nobody can be asked here: it goes on");
			json_object_set_new(params, "sure", json_true());
			rc = ask(cli, method, json_incref(params), show);
		} else {
			cli_error(cli, "%s: --yes does it", undone);
		}
	}
	json_decref(params);
	return rc;
}

/* The file's name without directory and ending, as far as a name may have such letters. */
static void default_name(const char *file, char name[65])
{
	const char *base = strrchr(file, '/');
	size_t n = 0;

	base = base ? base + 1 : file;
	for (; *base && n < 64; base++)
		name[n++] = strchr(" ()[]{}+,;:&@~", *base) ? '_' : *base;
	name[n] = '\0';
	if (strrchr(name, '.') && strrchr(name, '.') != name)
		*strrchr(name, '.') = '\0';
}

int run_cert_import(struct cli *cli, const struct args *args)
{
	json_t *params = file_params(cli, args);
	const char *name = args_option(args, "name");
	char from_file[65];

	default_name(args_operand(args, 0), from_file);
	if (params)
		json_object_set_new(params, "name", json_string(name ? name : from_file));
	return ask_surely(cli, args, "cert.import", params, show_cert, "Replace it?",
		"nothing is replaced", false);
}

int run_cert_check(struct cli *cli, const struct args *args)
{
	json_t *result = NULL;
	int rc = ask_for(cli, "cert.check", file_params(cli, args), show_cert_check, &result);

	if (rc == CLI_DONE && !get_bool(result, "usable"))
		rc = CLI_UNFIT;
	json_decref(result);
	return rc;
}

int run_cert_delete(struct cli *cli, const struct args *args)
{
	return ask_surely(cli, args, "cert.delete",
		json_pack("{s:s}", "name", args_operand(args, 0)), show_cert_deleted, "Delete it?",
		"nothing is deleted", strcmp(args_operand(args, 0), "ca") == 0);
}
