/* cert show, request, ca-init, issue, export: what goes into files here, once there is something.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "control/cli/out_file.h"
#include "control/cli/show.h"
#include "tls/ca.h"

/* ---- PEM ---------------------------------------------------------------------------------- */

/* The request as ever, or its PEM into --out: a file that is there stays as it is, whatever
 * happens. Takes `params`. */
static int run_pem(struct cli *cli, const struct args *args, const char *method, json_t *params,
	const char *member, void (*show)(struct cli *, const json_t *))
{
	const char *out = args_option(args, "out");
	json_t *result = NULL;
	struct out_file f;
	const char *pem;
	int rc;

	if (!params)
		return CLI_USAGE;
	if (out && !out_open(cli, &f, out, 0644)) {
		json_decref(params);
		return CLI_FAILED;
	}
	rc = cli_call(cli, method, params, CALL_TIMEOUT_US, &result);
	pem = rc == CLI_DONE ? json_string_value(get(result, member)) : NULL;
	if (rc == CLI_DONE && out && !pem) {
		cli_error(cli, "sluiced gave no PEM: it is too long to be shown");
		rc = CLI_FAILED;
	}
	if (rc == CLI_DONE && out) {
		rc = out_save(cli, &f, pem, strlen(pem)) ? CLI_DONE : CLI_FAILED;
		json_object_del(result, member);
		json_object_set_new(result, "file", json_string(out));
	}
	if (out)
		out_close(&f);
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

static int save_pkcs12(struct cli *cli, const json_t *result, const struct out_file *f)
{
	const char *text = get_text(result, "pkcs12");
	const size_t n = strlen(text);
	unsigned char *der = malloc(n + 4);
	int len = der ? EVP_DecodeBlock(der, (const unsigned char *)text, (int)n) : -1;
	bool ok = false;

	if (len > 2 && n > 2) {
		len -= (text[n - 1] == '=') + (text[n - 2] == '=');
		ok = out_save(cli, f, der, (size_t)len);
	} else {
		cli_error(cli, "sluiced gave no PKCS#12 file");
	}
	if (der)
		explicit_bzero(der, n);
	free(der);
	return ok ? CLI_DONE : CLI_FAILED;
}

/* Would it be done? Nobody types a password twice for what is refused. */
static int ask_before(struct cli *cli, const char *method, const json_t *params)
{
	json_t *asked = json_copy((json_t *)params), *result;
	int rc;

	json_object_set_new(asked, "check", json_true());
	rc = cli_call(cli, method, asked, CALL_TIMEOUT_US, &result);
	json_decref(result);
	return rc;
}

/* `params` with the password: what comes is written to `f`. */
static int fetch(struct cli *cli, const struct args *args, const char *method, json_t *params,
	const struct out_file *f)
{
	char secret[SECRET_MAX];
	json_t *result = NULL;
	int rc = CLI_DONE;

	if (!args_option(args, "password-file"))
		rc = ask_before(cli, method, params);
	if (rc == CLI_DONE && !cli_secret(cli, args, "Password for the file", true, secret))
		rc = CLI_USAGE;
	if (rc != CLI_DONE)
		return rc;
	json_object_set_new(params, "password", json_string(secret));
	explicit_bzero(secret, sizeof(secret));
	rc = cli_call(cli, method, json_incref(params), CALL_TIMEOUT_US, &result);
	if (rc == CLI_DONE)
		rc = save_pkcs12(cli, result, f);
	if (rc == CLI_DONE) {
		json_object_del(result, "pkcs12");
		json_object_set_new(result, "file", json_string(f->name));
	}
	if (rc == CLI_DONE && cli->json)
		cli_print_json(cli, result);
	else if (rc == CLI_DONE)
		show_pkcs12(cli, result);
	json_decref(result);
	return rc;
}

/* Takes `params`. */
static int fetch_pkcs12(
	struct cli *cli, const struct args *args, const char *method, json_t *params)
{
	const char *file = args_option(args, "out");
	char here[NAME_MAX + 1];
	struct out_file f;
	int rc = CLI_FAILED;

	if (!file && snprintf(here, sizeof(here), "%s.pfx", args_operand(args, 0)) >=
			     (int)sizeof(here)) {
		cli_error(cli, "%.32s...: too long for the name of a file", here);
		json_decref(params);
		return CLI_USAGE;
	}
	if (args_option(args, "old"))
		json_object_set_new(params, "old", json_true());
	/* Its owner's alone. */
	if (out_open(cli, &f, file ? file : here, 0600)) {
		rc = fetch(cli, args, method, params, &f);
		out_close(&f);
	}
	json_decref(params);
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
