/* cert import, check, issue, export: files on this side of the socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "control/cli/cli.h"
#include "control/cli/show.h"
#include "control/config/units.h"
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

static int ask(struct cli *cli, const char *method, json_t *params,
	void (*show)(struct cli *, const json_t *))
{
	json_t *result = NULL;
	int rc;

	if (!params)
		return CLI_USAGE;
	rc = cli_call(cli, method, params, CALL_TIMEOUT_US, &result);
	if (rc == CLI_DONE && cli->json)
		cli_print_json(cli, result);
	else if (rc == CLI_DONE)
		show(cli, result);
	json_decref(result);
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
	return ask(cli, "cert.import", params, show_cert);
}

int run_cert_check(struct cli *cli, const struct args *args)
{
	return ask(cli, "cert.check", file_params(cli, args), show_cert_check);
}

static bool confirmed(const struct cli *cli)
{
	char line[16];

	if (cli->json || !isatty(STDIN_FILENO) || !isatty(fileno(cli->err)))
		return false;
	fputs("Delete it? [y/N] ", cli->err);
	fflush(cli->err);
	return fgets(line, sizeof(line), stdin) &&
	       (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
}

int run_cert_delete(struct cli *cli, const struct args *args)
{
	const char *name = args_operand(args, 0);
	int rc;

	if (args_option(args, "yes"))
		return ask(cli, "cert.delete", json_pack("{s:s,s:b}", "name", name, "sure", 1),
			show_cert_deleted);
	rc = ask(cli, "cert.delete", json_pack("{s:s}", "name", name), show_cert_deleted);
	if (rc != CLI_FAILED || strcmp(cli->refused, "not_sure") != 0)
		return rc;
	if (confirmed(cli))
		return ask(cli, "cert.delete", json_pack("{s:s,s:b}", "name", name, "sure", 1),
			show_cert_deleted);
	if (!cli->json)
		cli_error(cli, "nothing is deleted: --yes does it");
	return rc;
}

/* ---- keys that leave ---------------------------------------------------------------------- */

/* A new file that only its owner reads; false after a message. */
static bool write_secret(struct cli *cli, const char *name, const void *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, data, len) == (ssize_t)len && fsync(fd) == 0;

	if (!ok)
		cli_error(cli, "%s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static int save_pkcs12(struct cli *cli, const json_t *result, const char *file)
{
	const char *text = get_text(result, "pkcs12");
	const size_t n = strlen(text);
	unsigned char *der = malloc(n + 4);
	int len = der ? EVP_DecodeBlock(der, (const unsigned char *)text, (int)n) : -1;
	bool ok = false;

	if (len > 2 && n > 2) {
		len -= (text[n - 1] == '=') + (text[n - 2] == '=');
		ok = write_secret(cli, file, der, (size_t)len);
	} else {
		cli_error(cli, "sluiced gave no PKCS#12 file");
	}
	if (der)
		explicit_bzero(der, n);
	free(der);
	return ok ? CLI_DONE : CLI_FAILED;
}

static int fetch_pkcs12(
	struct cli *cli, const struct args *args, const char *method, json_t *params)
{
	const char *out = args_option(args, "out");
	char secret[SECRET_MAX], file[1100];
	json_t *result = NULL;
	int rc;

	snprintf(file, sizeof(file), "%s.pfx", args_operand(args, 0));
	if (out)
		snprintf(file, sizeof(file), "%s", out);
	/* Not after the certificate is made. */
	if (access(file, F_OK) == 0) {
		cli_error(cli, "%s is there already", file);
		json_decref(params);
		return CLI_FAILED;
	}
	if (!cli_secret(cli, args, "Password for the file", true, secret)) {
		json_decref(params);
		return CLI_USAGE;
	}
	json_object_set_new(params, "password", json_string(secret));
	explicit_bzero(secret, sizeof(secret));
	if (args_option(args, "old"))
		json_object_set_new(params, "old", json_true());
	rc = cli_call(cli, method, params, CALL_TIMEOUT_US, &result);
	if (rc == CLI_DONE)
		rc = save_pkcs12(cli, result, file);
	if (rc == CLI_DONE && cli->json) {
		json_object_del(result, "pkcs12");
		json_object_set_new(result, "file", json_string(file));
		cli_print_json(cli, result);
	} else if (rc == CLI_DONE) {
		put_text(file, cli->out);
		fputs(": certificate and key, to be imported into the device\n", cli->out);
	}
	json_decref(result);
	return rc;
}

int run_cert_issue(struct cli *cli, const struct args *args)
{
	json_t *params = json_pack("{s:s}", "device", args_operand(args, 0));
	const char *key = args_option(args, "key"), *days = args_option(args, "days");
	uint64_t v;

	if (key)
		json_object_set_new(params, "key", json_string(key));
	if (days && (unit_parse_number(days, &v) != UNIT_OK || v > 36500)) {
		cli_error(cli, "days \"%s\": expected a whole number", days);
		json_decref(params);
		return CLI_USAGE;
	}
	if (days)
		json_object_set_new(params, "days", json_integer((json_int_t)v));
	return fetch_pkcs12(cli, args, "cert.issue", params);
}

int run_cert_export(struct cli *cli, const struct args *args)
{
	return fetch_pkcs12(
		cli, args, "cert.export", json_pack("{s:s}", "name", args_operand(args, 0)));
}
