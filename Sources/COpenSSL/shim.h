// OpenSSL as Swift sees it. Swift cannot call function-like macros or variadic
// functions, so each one that SecureTransport needs has an inline function here,
// named after it with the prefix tandem_.
#ifndef TANDEM_COPENSSL_SHIM_H
#define TANDEM_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

static inline int tandem_SSL_CTX_set_min_proto_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int tandem_SSL_CTX_set_max_proto_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_max_proto_version(context, version);
}

static inline void tandem_SSL_CTX_set_mode(SSL_CTX *context, long mode) {
  SSL_CTX_set_mode(context, mode);
}

static inline void tandem_SSL_CTX_disable_session_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline void tandem_SSL_CTX_set_max_cert_list(SSL_CTX *context, long bytes) {
  SSL_CTX_set_max_cert_list(context, bytes);
}

static inline int tandem_SSL_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline int tandem_SSL_new_index(void) {
  return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static inline void tandem_BIO_set_empty_means_retry(BIO *bio) {
  BIO_set_mem_eof_return(bio, -1);
}

static inline size_t tandem_BIO_pending(BIO *bio) { return BIO_ctrl_pending(bio); }

static inline long tandem_BIO_contents(BIO *bio, const char **bytes) {
  return BIO_get_mem_data(bio, (char **)bytes);
}

static inline int tandem_ERR_reason(unsigned long code) { return ERR_GET_REASON(code); }

static inline int tandem_ERR_library(unsigned long code) { return ERR_GET_LIB(code); }

// A new key on P-256 (NIST, secp256r1).
static inline EVP_PKEY *tandem_new_P256_key(void) { return EVP_EC_gen("P-256"); }

static inline int tandem_general_name_count(const GENERAL_NAMES *names) {
  return sk_GENERAL_NAME_num(names);
}

static inline const GENERAL_NAME *tandem_general_name(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}

static inline const ASN1_STRING *tandem_general_name_string(const GENERAL_NAME *name) {
  return name->type == GEN_DNS ? (const ASN1_STRING *)name->d.dNSName
       : name->type == GEN_IPADD ? (const ASN1_STRING *)name->d.iPAddress
                                 : NULL;
}

static inline int tandem_general_name_is_dns(const GENERAL_NAME *name) {
  return name->type == GEN_DNS;
}

static inline void tandem_X509V3_set_context(X509V3_CTX *context, X509 *issuer, X509 *subject) {
  X509V3_set_ctx(context, issuer, subject, NULL, NULL, 0);
  X509V3_set_ctx_nodb(context);
}

#endif
