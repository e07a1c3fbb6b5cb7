/* cert show, request, ca-init, issue, export: what goes into files here, once there is something.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "control/cli/cli.h"
#include "control/cli/show.h"
#include "tls/ca.h"

/*
 * A new file, empty, before anything is asked for that would have no place to go: what was issued
 * is not to be had again. Its descriptor, or -1 after a message.
 */
static int make_file(struct cli *cli, const char *name, mode_t mode)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0 && errno == EEXIST)
		cli_error(cli, "%s is there already", name);
	else if (fd < 0)
		cli_error(cli, "%.1000s: %s", name, strerror(errno));
	return fd;
}

/* For which there is nothing. */
static void drop_file(const char *name, int fd)
{
	close(fd);
	unlink(name);
}

static bool write_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

/* All of it, on disk, and closed; false after a message, and the file is gone. */
static bool fill_file(struct cli *cli, const char *name, int fd, const void *data, size_t len)
{
	int problem = write_all(fd, data, len) ? 0 : errno;

	if (close(fd) != 0 && !problem)
		problem = errno;
	if (!problem)
		return true;
	unlink(name);
	cli_error(cli, "%s: %s", name, strerror(problem));
	return false;
}

/* ---- PEM ---------------------------------------------------------------------------------- */

/* The request as ever, or its PEM into --out: a file that is there stays as it is, whatever
 * happens. Takes `params`. */
static int run_pem(struct cli *cli, const struct args *args, const char *method, json_t *params,
	const char *member, void (*show)(struct cli *, const json_t *))
{
	const char *out = args_option(args, "out");
	json_t *result = NULL;
	const char *pem;
	int rc, fd = -1;

	if (!params)
		return CLI_USAGE;
	if (out && (fd = make_file(cli, out, 0644)) < 0) {
		json_decref(params);
		return CLI_FAILED;
	}
	rc = cli_call(cli, method, params, CALL_TIMEOUT_US, &result);
	pem = rc == CLI_DONE ? json_string_value(get(result, member)) : NULL;
	if (rc == CLI_DONE && out && !pem) {
		cli_error(cli, "sluiced gave no PEM: it is too long to be shown");
		rc = CLI_FAILED;
	}
	if (rc != CLI_DONE && out)
		drop_file(out, fd);
	if (rc == CLI_DONE && out) {
		rc = fill_file(cli, out, fd, pem, strlen(pem)) ? CLI_DONE : CLI_FAILED;
		json_object_del(result, member);
		json_object_set_new(result, "file", json_string(out));
	}
	if (rc == CLI_DONE && cli->json)
		cli_print_json(cli, result);
	else if (rc == CLI_DONE)
		show(cli, result);
	json_decref(result);
	return rc;
}

/* Options of the same meaning in cert request and ca-init. */
static json_t *make_params(struct cli *cli, const struct args *args)
{
	static const char *const texts[][2] = {
		{"cn", "common_name"}, {"dns", "dns"}, {"key", "key"}};
	json_t *params = json_object();

	if (args_operand(args, 0))
		json_object_set_new(params, "name", json_string(args_operand(args, 0)));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (args_option(args, texts[i][0]))
			json_object_set_new(
				params, texts[i][1], json_string(args_option(args, texts[i][0])));
	if (cli_add_number(cli, args, "days", 1, CA_MAX_DAYS, params))
		return params;
	json_decref(params);
	return NULL;
}

int run_cert_show(struct cli *cli, const struct args *args)
{
	return run_pem(cli, args, "cert.show", json_pack("{s:s}", "name", args_operand(args, 0)),
		"pem", show_cert);
}

int run_cert_request(struct cli *cli, const struct args *args)
{
	return run_pem(
		cli, args, "cert.request", make_params(cli, args), "request", show_cert_request);
}

int run_cert_ca_init(struct cli *cli, const struct args *args)
{
	return run_pem(cli, args, "cert.ca-init", make_params(cli, args), "pem", show_cert);
}

/* ---- keys that leave ---------------------------------------------------------------------- */

/* Into the file that was made, which is no more where that fails. */
static int save_pkcs12(struct cli *cli, const json_t *result, const char *file, int fd)
{
	const char *text = get_text(result, "pkcs12");
	const size_t n = strlen(text);
	unsigned char *der = malloc(n + 4);
	int len = der ? EVP_DecodeBlock(der, (const unsigned char *)text, (int)n) : -1;
	bool ok = false;

	if (len > 2 && n > 2) {
		len -= (text[n - 1] == '=') + (text[n - 2] == '=');
		ok = fill_file(cli, file, fd, der, (size_t)len);
	} else {
		drop_file(file, fd);
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
	const char *file = args_option(args, "out");
	char secret[SECRET_MAX], here[NAME_MAX + 1];
	json_t *result = NULL;
	int rc, fd;

	if (!file && snprintf(here, sizeof(here), "%s.pfx", args_operand(args, 0)) >=
			     (int)sizeof(here)) {
		cli_error(cli, "%.32s...: too long for the name of a file", here);
		json_decref(params);
		return CLI_USAGE;
	}
	file = file ? file : here;
	if (!cli_secret(cli, args, "Password for the file", true, secret)) {
		json_decref(params);
		return CLI_USAGE;
	}
	json_object_set_new(params, "password", json_string(secret));
	explicit_bzero(secret, sizeof(secret));
	/* Its owner's alone. */
	fd = make_file(cli, file, 0600);
	if (fd < 0) {
		json_decref(params);
		return CLI_FAILED;
	}
	if (args_option(args, "old"))
		json_object_set_new(params, "old", json_true());
	rc = cli_call(cli, method, params, CALL_TIMEOUT_US, &result);
	if (rc == CLI_DONE)
		rc = save_pkcs12(cli, result, file, fd);
	else
		drop_file(file, fd);
	if (rc == CLI_DONE) {
		json_object_del(result, "pkcs12");
		json_object_set_new(result, "file", json_string(file));
	}
	if (rc == CLI_DONE && cli->json)
		cli_print_json(cli, result);
	else if (rc == CLI_DONE)
		show_pkcs12(cli, result);
	json_decref(result);
	return rc;
}

int run_cert_issue(struct cli *cli, const struct args *args)
{
	json_t *params = json_pack("{s:s}", "device", args_operand(args, 0));
	const char *key = args_option(args, "key");

	if (key)
		json_object_set_new(params, "key", json_string(key));
	if (!cli_add_number(cli, args, "days", 1, CA_MAX_DAYS, params)) {
		json_decref(params);
		return CLI_USAGE;
	}
	return fetch_pkcs12(cli, args, "cert.issue", params);
}

int run_cert_export(struct cli *cli, const struct args *args)
{
	return fetch_pkcs12(
		cli, args, "cert.export", json_pack("{s:s}", "name", args_operand(args, 0)));
}
