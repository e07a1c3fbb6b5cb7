/* What is read from files: PKCS#12, keys with a password, and what is none or asks too much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "tests/unit/control/issued.h"

static void a_pkcs12_file_for_the_device_reads_back(void **state)
{
	(void)state;
	for (int old = 0; old < 2; old++) {
		struct cert_bundle b;
		uint8_t *p12;
		size_t len;

		assert_int_equal(ca_pkcs12(&device, ca.cert_pem, "FGT60F0000000001", "open sesame",
					 old, &p12, &len, err, sizeof(err)),
			0);
		assert_int_equal(
			cert_bundle_read(&b, p12, len, NULL, err, sizeof(err)), CERT_E_PASSWORD);
		assert_int_equal(
			cert_bundle_read(&b, p12, len, "open", err, sizeof(err)), CERT_E_PASSWORD);
		if (cert_bundle_read(&b, p12, len, "open sesame", err, sizeof(err)) != CERT_OK)
			fail_msg("%s", err);
		assert_non_null(b.key);
		assert_int_equal(b.chain_count, 2);
		assert_string_equal(said(&b, CERT_ROLE_DEVICE, ca.cert_pem), "");
		cert_bundle_free(&b);
		free(p12);
	}
}

static void what_costs_too_much_to_decrypt_is_refused_before(void **state)
{
	struct cert_bundle b = read_pem(device.cert_pem, device.key_pem);
	PKCS12 *p12 = PKCS12_create("pw", "n", b.key, b.certs[0], NULL, 0, 0, 1, -1, 0);
	struct cert_bundle back;
	unsigned char *der = NULL;
	int n;

	(void)state;
	/* The MAC of a file may ask for any number of iterations. */
	PKCS12_set_mac(p12, "pw", -1, NULL, 0, 1, EVP_sha256());
	{
		const ASN1_INTEGER *iter;
		ASN1_INTEGER *changed;

		PKCS12_set_mac(p12, "pw", -1, NULL, 0, 2, EVP_sha256());
		PKCS12_get0_mac(NULL, NULL, NULL, &iter, p12);
		memcpy(&changed, &iter, sizeof(void *)); /* it is given as const */
		ASN1_INTEGER_set_int64(changed, 2000000000);
	}
	n = i2d_PKCS12(p12, &der);
	assert_true(n > 0);
	assert_int_equal(
		cert_bundle_read(&back, der, (size_t)n, "pw", err, sizeof(err)), CERT_E_TOO_MUCH);
	assert_contains(err, "iterations");
	OPENSSL_free(der);
	PKCS12_free(p12);
	cert_bundle_free(&b);
}

/* Three parts of as many iterations each; nothing can be decrypted, as they were encrypted by
 * fewer. */
static enum cert_status read_parts(X509 *cert, int iterations)
{
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	struct cert_bundle back;
	enum cert_status status;
	unsigned char *der = NULL;
	PKCS12 *p12;
	int n;

	PKCS12_add_cert(&bags, cert);
	for (unsigned i = 0; i < 3; i++) {
		PKCS7 *p7 = PKCS12_pack_p7encdata(NID_aes_256_cbc, "pw", -1, NULL, 0, 1, bags);

		X509_ALGOR_free(p7->d.encrypted->enc_data->algorithm);
		p7->d.encrypted->enc_data->algorithm =
			PKCS5_pbe2_set(EVP_aes_256_cbc(), iterations, NULL, 0);
		sk_PKCS7_push(safes, p7);
	}
	p12 = PKCS12_add_safes(safes, 0);
	n = i2d_PKCS12(p12, &der);
	assert_true(n > 0);
	status = cert_bundle_read(&back, der, (size_t)n, "pw", err, sizeof(err));
	if (status == CERT_OK)
		cert_bundle_free(&back);
	OPENSSL_free(der);
	PKCS12_free(p12);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return status;
}

static void all_parts_of_a_file_together_must_be_bearable(void **state)
{
	struct cert_bundle b = read_pem(device.cert_pem, device.key_pem);

	(void)state;
	assert_int_not_equal(read_parts(b.certs[0], 1000), CERT_E_TOO_MUCH);
	assert_int_equal(read_parts(b.certs[0], 1000000), CERT_E_TOO_MUCH);
	assert_contains(err, "iterations");
	cert_bundle_free(&b);
}

static void an_encrypted_key_in_pem_needs_its_password(void **state)
{
	struct cert_bundle b = read_pem(device.cert_pem, device.key_pem), back;
	BIO *out = BIO_new(BIO_s_mem());
	char *pem;

	(void)state;
	PEM_write_bio_X509(out, b.certs[0]);
	PEM_write_bio_PKCS8PrivateKey(out, b.key, EVP_aes_256_cbc(), "open sesame", 11, NULL, NULL);
	pem = text_of(out);
	BIO_free(out);
	assert_int_equal(
		cert_bundle_read(&back, pem, strlen(pem), NULL, err, sizeof(err)), CERT_E_PASSWORD);
	assert_int_equal(cert_bundle_read(&back, pem, strlen(pem), "other", err, sizeof(err)),
		CERT_E_PASSWORD);
	assert_int_equal(cert_bundle_read(&back, pem, strlen(pem), "open sesame", err, sizeof(err)),
		CERT_OK);
	cert_bundle_free(&back);
	cert_bundle_free(&b);
	free(pem);
}

static void what_is_no_certificate_is_told(void **state)
{
	static const struct {
		const char *text;
		enum cert_status status;
		const char *says;
	} v[] = {
		{"", CERT_E_EMPTY, "empty"},
		{"hello\nworld\n", CERT_E_EMPTY, "no certificate"},
		{"-----BEGIN CERTIFICATE-----\nMIIB", CERT_E_BROKEN, "cut off"},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", CERT_E_BROKEN,
			"cannot be read"},
		{"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", CERT_E_BROKEN,
			"key that cannot be read"},
		{"0\x03\x01\x02\x03", CERT_E_BROKEN, "neither"},
		{"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n", CERT_E_EMPTY,
			"no certificate"},
	};
	struct cert_bundle b;
	char *big = calloc(1, CERT_MAX_BYTES + 1);
	size_t used = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_int_equal(
			cert_bundle_read(&b, v[i].text, strlen(v[i].text), NULL, err, sizeof(err)),
			v[i].status);
		assert_contains(err, v[i].says);
	}
	assert_int_equal(cert_bundle_read(&b, big, CERT_MAX_BYTES + 1, NULL, err, sizeof(err)),
		CERT_E_TOO_MUCH);
	while (used + strlen(ca.cert_pem) < CERT_MAX_BYTES && used < 40 * strlen(ca.cert_pem))
		used += (size_t)sprintf(big + used, "%s", ca.cert_pem);
	assert_int_equal(cert_bundle_read(&b, big, used, NULL, err, sizeof(err)), CERT_E_TOO_MUCH);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pkcs12_file_for_the_device_reads_back),
		cmocka_unit_test(what_costs_too_much_to_decrypt_is_refused_before),
		cmocka_unit_test(all_parts_of_a_file_together_must_be_bearable),
		cmocka_unit_test(an_encrypted_key_in_pem_needs_its_password),
		cmocka_unit_test(what_is_no_certificate_is_told),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
