/* All that sluicectl can be told. */

#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/show.h"
#include "control/cli/when.h"
#include "tls/ca.h"

/* ---- parameters ------------------------------------------------------------------------- */

static json_t *no_params(struct cli *cli, const struct args *args)
{
	(void)cli;
	(void)args;
	return json_object();
}

static json_t *device_operand(struct cli *cli, const struct args *args)
{
	const char *device = args_operand(args, 0);

	(void)cli;
	return device ? json_pack("{s:s}", "device", device) : json_object();
}

static json_t *dir_params(struct cli *cli, const struct args *args)
{
	const char *dir = args_option(args, "dir");

	(void)cli;
	return dir ? json_pack("{s:s}", "dir", dir) : json_object();
}

static json_t *session_list_params(struct cli *cli, const struct args *args)
{
	const char *device = args_option(args, "device");
	json_t *params = json_object();

	if (device)
		json_object_set_new(params, "device", json_string(device));
	if (cli_add_number(cli, args, "limit", 0, 1000000, params))
		return params;
	json_decref(params);
	return NULL;
}

static json_t *session_id(struct cli *cli, const struct args *args)
{
	uint64_t id;

	if (!cli_number(cli, "session", args_operand(args, 0), 0, INT64_MAX, &id))
		return NULL;
	return json_pack("{s:I}", "id", (json_int_t)id);
}

static json_t *setting_name(struct cli *cli, const struct args *args)
{
	(void)cli;
	return json_pack("{s:s}", "name", args_operand(args, 0));
}

static json_t *setting_value(struct cli *cli, const struct args *args)
{
	(void)cli;
	return json_pack(
		"{s:s, s:s}", "name", args_operand(args, 0), "value", args_operand(args, 1));
}

static json_t *audit_params(struct cli *cli, const struct args *args)
{
	json_t *params = json_object();
	const char *before = args_option(args, "before");
	bool fine = cli_add_number(cli, args, "limit", 0, 10000, params);
	uint64_t id = 0;

	if (fine && before)
		fine = cli_number(cli, "--before", before, 0, INT64_MAX, &id);
	if (fine && before)
		json_object_set_new(params, "before_id", json_integer((json_int_t)id));
	if (fine)
		return params;
	json_decref(params);
	return NULL;
}

static json_t *user_operand(struct cli *cli, const struct args *args)
{
	(void)cli;
	return json_pack("{s:s}", "user", args_operand(args, 0));
}

static json_t *user_add_params(struct cli *cli, const struct args *args)
{
	char secret[SECRET_MAX];
	json_t *params = NULL;

	if (cli_secret(cli, args, "Password", true, secret))
		params = json_pack("{s:s,s:s}", "user", args_operand(args, 0), "password", secret);
	explicit_bzero(secret, sizeof(secret));
	return params;
}

static json_t *device_set_params(struct cli *cli, const struct args *args)
{
	const char *key = args_operand(args, 1), *value = args_operand(args, 2);
	const bool psk = strcmp(key, "preshared-key") == 0;
	char secret[SECRET_MAX] = "";
	json_t *params;

	if (psk && value && strcmp(value, "none") != 0) {
		cli_error(cli, "a preshared key is asked for or read by --password-file, so that "
			       "no process list shows it; `none` removes it");
		return NULL;
	}
	if (!psk && !value) {
		cli_error(cli, "device set %s %s needs a value", args_operand(args, 0), key);
		return NULL;
	}
	if (psk && !value && !cli_secret(cli, args, "Preshared key", true, secret))
		return NULL;
	params = json_pack("{s:s,s:s,s:s}", "device", args_operand(args, 0), "key", key, "value",
		psk ? secret : value);
	explicit_bzero(secret, sizeof(secret));
	return params;
}

static json_t *expiring_params(struct cli *cli, const struct args *args)
{
	json_t *params = json_object();

	if (cli_add_number(cli, args, "days", 0, CA_MAX_DAYS, params))
		return params;
	json_decref(params);
	return NULL;
}

static json_t *cert_use_params(struct cli *cli, const struct args *args)
{
	const char *sni = args_option(args, "sni");
	char names[300] = "";
	json_t *params;

	(void)cli;
	for (unsigned i = 0; args_operand(args, i); i++) {
		size_t n = strlen(names);

		snprintf(names + n, sizeof(names) - n, "%s%s", i ? " " : "", args_operand(args, i));
	}
	params = json_pack("{s:s}", "name", names);
	if (sni)
		json_object_set_new(params, "sni", json_string(sni));
	return params;
}

/* ---- options ---------------------------------------------------------------------------- */

static const struct option_spec top_options[] = {
	{"interval", "SPAN", "between two screens (default 2s; at least 1s makes sense)"},
	{"count", "N", "stop after N screens"},
	{"once", NULL, "the same as --count 1"},
	{"limit", "N", "at most N devices (default 20)"},
	{0},
};
static const struct option_spec wait_options[] = {
	{"timeout", "S", "seconds to wait at most (default 60)"},
	{0},
};
static const struct option_spec session_options[] = {
	{"device", "DEVICE", "only those of this device"},
	{"limit", "N", "at most N"},
	{0},
};
static const struct option_spec log_options[] = {
	{"device", "DEVICE", "only logs of this device"},
	{"since", "TIME", "received at this time or later"},
	{"until", "TIME", "received at this time or earlier"},
	{"grep", "RE", "only logs that match a regular expression as grep -E has them"},
	{"follow", NULL, "go on with what becomes durable, until interrupted"},
	{"raw", NULL, "the bytes of each log and a newline, nothing else"},
	{"dir", "DIR", "read a journal's directory, without sluiced"},
	{0},
};
static const struct option_spec dir_options[] = {
	{"dir", "DIR", "read a journal's directory, without sluiced"},
	{0},
};
static const struct option_spec resume_options[] = {
	{"dir", "DIR", "only if this is the journal of the sluiced that is asked"},
	{0},
};
static const struct option_spec audit_options[] = {
	{"limit", "N", "at most N entries (default 100), the newest"},
	{"before", "ID", "only entries older than this one"},
	{0},
};

static const struct option_spec password_options[] = {
	{"password-file", "FILE", "its first line, instead of asking on the terminal"},
	{0},
};

static const char password_help[] =
	"The password is asked for on the terminal, or is the first line of a file; 8 to 128 "
	"printable ASCII\ncharacters. Only a verifier of it is kept.\n";
static const struct option_spec import_options[] = {
	{"name", "NAME", "under which it is kept (default: the file's)"},
	{"password-file", "FILE", "its first line, instead of asking on the terminal"},
	{"yes", NULL, "without asking"},
	{0},
};
static const struct option_spec delete_options[] = {
	{"yes", NULL, "without asking"},
	{0},
};
static const char delete_help[] =
	"Asks before it removes the authority of our own (`ca`), or an anchor without which "
	"devices that are\nregistered would be refused. Where there is no terminal to ask on, the "
	"authority goes only with --yes,\nand an anchor goes, with what would have been asked as a "
	"warning.\n";
static const struct option_spec show_options[] = {
	{"out", "FILE", "the PEM alone into a new file"},
	{0},
};
static const struct option_spec use_options[] = {
	{"sni", "NAME", "for clients that ask for this server name (default: all others)"},
	{0},
};
static const struct option_spec request_options[] = {
	{"cn", "NAME", "common name (default: the node's serial number)"},
	{"dns", "NAME", "another name for the SAN"},
	{"key", "KIND", "p-256, rsa-2048 (default), rsa-3072, rsa-4096"},
	{"out", "FILE", "the request into a new file"},
	{0},
};
static const struct option_spec ca_options[] = {
	{"cn", "NAME", "common name (default: Sluice CA and the node's serial number)"},
	{"key", "KIND", "p-256, rsa-2048 (default), rsa-3072, rsa-4096"},
	{"days", "N", "valid for so long (default 3650)"},
	{"out", "FILE", "its certificate into a new file, for devices to trust"},
	{0},
};
static const struct option_spec issue_options[] = {
	{"out", "FILE", "where to write it (default SERIAL.pfx)"},
	{"password-file", "FILE", "its first line, instead of asking on the terminal"},
	{"key", "KIND", "p-256, rsa-2048 (default), rsa-3072, rsa-4096"},
	{"days", "N", "valid for so long (default 825)"},
	{"old", NULL, "encrypted by 3DES and SHA-1, for devices that know nothing newer"},
	{0},
};
static const struct option_spec export_options[] = {
	{"out", "FILE", "where to write it (default NAME.pfx)"},
	{"password-file", "FILE", "its first line, instead of asking on the terminal"},
	{"old", NULL, "encrypted by 3DES and SHA-1"},
	{0},
};
static const struct option_spec expiring_options[] = {
	{"days", "N", "within so many days (default 30)"},
	{0},
};
static const char password_file_help[] =
	"A password is asked for on the terminal, or is the first line of --password-file.\n";
static const char cert_check_help[] =
	"A device's certificate (with or without its key), or a CRL. Exit status 12: it would be "
	"refused here,\nor, a CRL, must not take the place of a newer one; 0: it can be used, "
	"whatever warnings there are.\nA password is asked for on the terminal, or is the first "
	"line of --password-file.\n";
static const char import_help[] =
	"PEM, DER or PKCS#12. A private key makes it an identity (also the certificate that "
	"answers a\n`cert request` of this name), certificates alone are authorities to trust. "
	"What would stumble\nlater is said at once; what cannot work is refused. Passwords are "
	"asked for on the terminal.\nWhat has the name is replaced. Asks, or with --yes does not, "
	"where that is an anchor without which\ndevices that are registered would be refused, or "
	"a newer CRL; where there is no terminal to ask on,\nthat is a warning.\n";
static const char use_help[] = "Up to four at once, one of each kind of key (say, RSA and P-256). "
			       "`cert use configured` goes back\nto tls.contexts.\n";
static const char request_help[] =
	"Prints the request. Import what the authority sends under the same name.\n";
static const char issue_help[] =
	"The common name is the serial number, the purpose clientAuth, the file holds the chain. "
	"The key is\nnot kept here. Needs `cert ca-init`.\n";
static const char device_set_help[] =
	"legacy enable|disable    may it log in by user and password (see legacy-auth-mode)\n"
	"rate N/s|none            logs a second that are taken from it\n"
	"preshared-key [none]     asked for, or the first line of --password-file; DEVICE \"*\": "
	"one for all\n";
static const char log_help[] = "Prints `TIME DEVICE LOG` a line (UTC, microseconds), in the order "
			       "of the journal. Control\n"
			       "characters and bytes that are no UTF-8 show as \\xNN. --raw prints "
			       "the bytes as they came, --json\n"
			       "one object a line, where such a log stands as log_base64.\n"
			       "TIME: " WHEN_FORMS ".\n";
static const char wait_help[] = "Waits for sluiced to be there, its ports to be up and logs to be "
				"taken in. Exit status 6 when\n"
				"that has not happened in time.\n";
static const char check_help[] = "Without FILE: sluiced's own file as it is now, and what a reload "
				 "would change. With FILE: that\n"
				 "file, without sluiced. Exit status 1 when there are errors.\n";
static const char verify_help[] =
	"Reads the whole journal. Exit status 10: a torn tail (what was being written when the "
	"machine\n"
	"stopped; nothing of it had been announced as durable). 11: corruption.\n";

/* ---- the table -------------------------------------------------------------------------- */

#define CMD(n, v) .noun = (n), .verb = (v)
const struct command commands[] = {
	{CMD("status", NULL), .about = "this node on one screen", .method = "status",
		.params = no_params, .show = show_status},
	{CMD("top", NULL), .about = "what happens now: rates, lcores, busiest devices",
		.options = top_options, .run = run_top},
	{CMD("wait", "ready"), .about = "wait until logs are taken in", .more = wait_help,
		.options = wait_options, .run = run_wait_ready},
	{CMD("version", NULL), .about = "of sluicectl and of sluiced", .run = run_version},

	{CMD("config", "show"), .about = "what is in effect, and what the file says otherwise",
		.method = "config.show", .params = no_params, .show = show_config},
	{CMD("config", "check"), .operands = "[FILE]", .most = 1,
		.about = "all that is wrong with a file", .more = check_help,
		.run = run_config_check},
	{CMD("config", "reload"), .about = "read the file again and apply it",
		.method = "config.reload", .params = no_params, .show = show_reload},

	{CMD("port", "list"), .about = "network ports", .method = "port.list", .params = no_params,
		.show = show_ports},
	{CMD("session", "list"), .about = "connections", .options = session_options,
		.method = "session.list", .params = session_list_params, .show = show_sessions},
	{CMD("session", "kill"), .operands = "ID", .least = 1, .most = 1,
		.about = "end a connection", .method = "session.kill", .params = session_id,
		.show = show_killed},

	{CMD("account", "list"), .about = "what came in, by device, and what became of it",
		.method = "account.list", .params = no_params, .show = show_accounts},
	{CMD("account", "show"), .operands = "[DEVICE]", .most = 1,
		.about = "one account, or the total", .method = "account.show",
		.params = device_operand, .show = show_account},
	{CMD("gap", "list"), .operands = "[DEVICE]", .most = 1, .about = "logs known to be missing",
		.method = "gap.list", .params = device_operand, .show = show_gaps},

	{CMD("log", "show"), .about = "logs out of the journal", .more = log_help,
		.options = log_options, .run = run_log_show},
	{CMD("journal", "status"), .about = "how the journal does", .method = "journal.status",
		.params = no_params, .show = show_journal_status},
	{CMD("journal", "list"), .about = "its segments", .options = dir_options,
		.run = run_journal_list},
	{CMD("journal", "verify"), .about = "read all of it and say what is wrong",
		.more = verify_help, .options = dir_options, .run = run_journal_verify},
	{CMD("journal", "resume"), .about = "try again after a failed journal was repaired",
		.options = resume_options, .method = "journal.resume", .params = dir_params,
		.show = show_journal_resume},

	{CMD("device", "list"), .about = "devices that were seen", .method = "device.list",
		.params = no_params, .show = show_devices},
	{CMD("device", "show"), .operands = "DEVICE", .least = 1, .most = 1, .about = "one of them",
		.method = "device.show", .params = device_operand, .show = show_device},
	{CMD("device", "authorize"), .operands = "DEVICE", .least = 1, .most = 1,
		.about = "let it log, also before it was ever seen", .method = "device.authorize",
		.params = device_operand, .show = show_device},
	{CMD("device", "deny"), .operands = "DEVICE", .least = 1, .most = 1,
		.about = "refuse it, and end its sessions", .method = "device.deny",
		.params = device_operand, .show = show_device},
	{CMD("device", "forget"), .operands = "DEVICE", .least = 1, .most = 1,
		.about = "as if it had never been registered; its logs stay",
		.method = "device.forget", .params = device_operand, .show = show_forgotten},
	{CMD("device", "set"), .operands = "DEVICE KEY [VALUE]", .least = 2, .most = 3,
		.about = "change what is kept about it", .more = device_set_help,
		.options = password_options, .method = "device.set", .params = device_set_params,
		.show = show_device_set},
	{CMD("refusal", "list"), .about = "what was refused, and why", .method = "refusal.list",
		.params = no_params, .show = show_refusals},

	{CMD("settings", "list"), .about = "what can be changed while running",
		.method = "settings.list", .params = no_params, .show = show_settings},
	{CMD("settings", "get"), .operands = "NAME", .least = 1, .most = 1, .about = "one of them",
		.method = "settings.get", .params = setting_name, .show = show_setting},
	{CMD("settings", "set"), .operands = "NAME VALUE", .least = 2, .most = 2,
		.about = "change one", .method = "settings.set", .params = setting_value,
		.show = show_setting},

	{CMD("user", "add"), .operands = "NAME", .least = 1, .most = 1,
		.about = "a legacy login, or another password for it", .more = password_help,
		.options = password_options, .method = "user.add", .params = user_add_params,
		.show = show_user},
	{CMD("user", "delete"), .operands = "NAME", .least = 1, .most = 1, .about = "remove one",
		.method = "user.delete", .params = user_operand, .show = show_user},
	{CMD("user", "list"), .about = "all of them", .method = "user.list", .params = no_params,
		.show = show_users},

	{CMD("cert", "list"), .about = "certificates by name", .method = "cert.list",
		.params = no_params, .show = show_certs},
	{CMD("cert", "show"), .operands = "NAME", .least = 1, .most = 1,
		.about = "one of them, with what is wrong with it", .options = show_options,
		.run = run_cert_show},
	{CMD("cert", "import"), .operands = "FILE", .least = 1, .most = 1,
		.about = "an identity, authorities to trust, or CRLs", .more = import_help,
		.options = import_options, .run = run_cert_import},
	{CMD("cert", "check"), .operands = "FILE", .least = 1, .most = 1,
		.about = "could a device use this certificate here?", .more = cert_check_help,
		.options = password_options, .run = run_cert_check},
	{CMD("cert", "delete"), .operands = "NAME", .least = 1, .most = 1,
		.about = "remove one, and its key", .more = delete_help, .options = delete_options,
		.run = run_cert_delete},
	{CMD("cert", "use"), .operands = "NAME...", .least = 1, .most = 4,
		.about = "show these identities to devices", .more = use_help,
		.options = use_options, .method = "cert.use", .params = cert_use_params,
		.show = show_cert_use},
	{CMD("cert", "request"), .operands = "NAME", .least = 1, .most = 1,
		.about = "a key, and a signing request for an authority elsewhere",
		.more = request_help, .options = request_options, .run = run_cert_request},
	{CMD("cert", "expiring"), .about = "those that end soon, devices' too",
		.options = expiring_options, .method = "cert.expiring", .params = expiring_params,
		.show = show_cert_expiring},
	{CMD("cert", "ca-init"), .about = "make a certificate authority of our own",
		.options = ca_options, .run = run_cert_ca_init},
	{CMD("cert", "issue"), .operands = "SERIAL", .least = 1, .most = 1,
		.about = "certificate and key for a device, as a PKCS#12 file", .more = issue_help,
		.options = issue_options, .run = run_cert_issue},
	{CMD("cert", "export"), .operands = "NAME", .least = 1, .most = 1,
		.about = "certificate and key as a PKCS#12 file; it is audited",
		.more = password_file_help, .options = export_options, .run = run_cert_export},
	{CMD("tls", "show"), .about = "contexts, trust, and sessions by trust generation",
		.method = "tls.show", .params = no_params, .show = show_tls},
	{CMD("debug", "start"), .operands = "oftpd LEVEL [ADDRESS]", .least = 2, .most = 3,
		.about = "stream what handshakes and logins do, until interrupted",
		.run = run_debug_start},

	{CMD("audit", "list"), .about = "who changed what, and when", .options = audit_options,
		.method = "audit.list", .params = audit_params, .show = show_audit},
	{0},
};
