/* SPDX-License-Identifier: Apache-2.0 */
#include "s3_host.h"

/* The forms that an endpoint's name has, without the bucket; the first that
 * fits counts. A form is compared label by label from the right: "*" is any one
 * label, "s3-*" any that begins so; "@" is the same, and what it stands for is
 * the region. What stands to the left of the form is the bucket. */

/* Amazon's, in front of one of its domains. */
static const struct slice domains[] = {
	SLICE("amazonaws.com"),	 SLICE("amazonaws.com.cn"), SLICE("amazonaws.eu"),
	SLICE("c2s.ic.gov"),	 SLICE("sc2s.sgov.gov"),    SLICE("csp.hci.ic.gov"),
	SLICE("cloud.adc-e.uk"),
};

static const struct {
	struct slice form;
	enum s3_host_kind kind;
} amazon[] = {
	{SLICE("s3"), S3_HOST_OBJECTS},
	{SLICE("s3-control*.@"), S3_HOST_CONTROL},
	{SLICE("s3-control*.dualstack.@"), S3_HOST_CONTROL},
	{SLICE("control.*.s3.@.vpce"), S3_HOST_CONTROL},
	{SLICE("*.*.s3.@.vpce"), S3_HOST_OBJECTS},
	{SLICE("s3-website-@"), S3_HOST_WEBSITE},
	{SLICE("s3-website.@"), S3_HOST_WEBSITE},
	{SLICE("s3-accelerate"), S3_HOST_OBJECTS},
	{SLICE("s3-accelerate.dualstack"), S3_HOST_OBJECTS},
	{SLICE("s3-external-*"), S3_HOST_OBJECTS},
	{SLICE("accesspoint.s3-global"), S3_HOST_OBJECTS},
	{SLICE("s3-fips-@"), S3_HOST_OBJECTS},
	{SLICE("s3-@"), S3_HOST_OBJECTS},
	{SLICE("s3express-control*.@"), S3_HOST_DIRECTORIES},
	{SLICE("s3express-control*.dualstack.@"), S3_HOST_DIRECTORIES},
	{SLICE("s3express-*.@"), S3_HOST_OBJECTS},
	{SLICE("s3express-*.dualstack.@"), S3_HOST_OBJECTS},
	{SLICE("s3-accesspoint*.@"), S3_HOST_OBJECTS},
	{SLICE("s3-accesspoint*.dualstack.@"), S3_HOST_OBJECTS},
	{SLICE("s3-object-lambda*.@"), S3_HOST_OBJECTS},
	{SLICE("s3-outposts*.@"), S3_HOST_OUTPOSTS},
	{SLICE("s3-fips.@"), S3_HOST_OBJECTS},
	{SLICE("s3-fips.dualstack.@"), S3_HOST_OBJECTS},
	{SLICE("s3-deprecated.@"), S3_HOST_OBJECTS},
	{SLICE("s3.dualstack.@"), S3_HOST_OBJECTS},
	{SLICE("s3.@"), S3_HOST_OBJECTS},
};

/* Other providers'. */
static const struct slice providers[] = {
	SLICE("storage.googleapis.com"),
	SLICE("commondatastorage.googleapis.com"),
	SLICE("storage.@.rep.googleapis.com"),
	SLICE("*.eu.r2.cloudflarestorage.com"),
	SLICE("*.fedramp.r2.cloudflarestorage.com"),
	SLICE("*.r2.cloudflarestorage.com"),
	SLICE("s3.wasabisys.com"),
	SLICE("s3.@.wasabisys.com"),
	SLICE("s3.@.backblazeb2.com"),
	SLICE("@.cdn.digitaloceanspaces.com"),
	SLICE("@.digitaloceanspaces.com"),
	SLICE("@.linodeobjects.com"),
	SLICE("@.vultrobjects.com"),
	SLICE("s3.@.scw.cloud"),
	SLICE("s3.@.io.cloud.ovh.net"),
	SLICE("s3.@.io.cloud.ovh.us"),
	SLICE("s3.@.perf.cloud.ovh.net"),
	SLICE("s3.@.cloud.ovh.net"),
	SLICE("s3.private.@.cloud-object-storage.appdomain.cloud"),
	SLICE("s3.direct.@.cloud-object-storage.appdomain.cloud"),
	SLICE("s3.@.cloud-object-storage.appdomain.cloud"),
	SLICE("*.compat.objectstorage.@.oraclecloud.com"),
	SLICE("storage.yandexcloud.net"),
	SLICE("@.your-objectstorage.com"),
	SLICE("sos-@.exo.io"),
	SLICE("objects-@.dream.io"),
	SLICE("s3.@.dream.io"),
	SLICE("gateway.storjshare.io"),
	SLICE("gateway.@.storjshare.io"),
	SLICE("s3.filebase.com"),
	SLICE("fly.storage.tigris.dev"),
	SLICE("t3.storage.dev"),
	SLICE("@.contabostorage.com"),
	SLICE("s3.localhost.localstack.cloud"),
	SLICE("s3.@.localhost.localstack.cloud"),
};

/* Of those that speak S3 beside an API of their own, at the same names: whether a
 * request is S3, its signature says. */
static const struct slice bilingual[] = {
	SLICE("s3.oss-*.aliyuncs.com"),
	SLICE("oss-*.aliyuncs.com"),
	SLICE("cos.@.myqcloud.com"),
	SLICE("obs.@.myhuaweicloud.com"),
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static struct slice before_port(struct slice host, struct slice *port)
{
	size_t n = host.n;

	while (n && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
		n--;
	*port = SLICE_NONE;
	/* A bare IPv6 address has colons of its own: a port follows one ':' or "]:". */
	if (!n || host.p[n - 1] != ':' ||
	    (memchr(host.p, ':', n - 1) && (n < 2 || host.p[n - 2] != ']')))
		return host;
	*port = slice_from(host, n);
	host.n = n - 1;
	return host;
}

/* Takes the last label off *name. */
static struct slice pop_label(struct slice *name)
{
	const char *dot = name->n ? memrchr(name->p, '.', name->n) : NULL;
	size_t n = dot ? (size_t)(dot - name->p) + 1 : 0;
	struct slice label = slice_from(*name, n);

	name->n = n ? n - 1 : 0;
	return label;
}

static bool is_wild(char c)
{
	return c == '*' || c == '@';
}

static bool label_fits(struct slice label, struct slice form)
{
	if (!form.n || !is_wild(form.p[form.n - 1]))
		return slice_is_nocase(label, form);
	form.n--;
	return label.n && label.n >= form.n && (!form.n || lower(label.p[0]) == lower(form.p[0])) &&
	       strncasecmp(label.p, form.p, form.n) == 0;
}

/* How a form fits a name. */
struct fit {
	struct slice before; /* what stands to the left of it */
	struct slice region; /* SLICE_NONE: the form has none */
};

/* Whether name ends with form. From the right, a character at a time: most
 * forms differ in the first that is compared. */
static bool form_fits(struct slice name, struct slice form, struct fit *fit)
{
	bool label_end = true;

	fit->region = SLICE_NONE;
	while (form.n) {
		char wanted = form.p[form.n - 1];

		if (label_end && is_wild(wanted)) {
			struct slice label = pop_label(&name), part = pop_label(&form);

			if (!label_fits(label, part) || (wanted == '@' && label.n < part.n))
				return false;
			if (wanted == '@')
				fit->region = slice_from(label, part.n - 1);
			continue; /* both have lost the dot as well: another label ends */
		}
		if (!name.n || lower(name.p[name.n - 1]) != lower(wanted))
			return false;
		label_end = wanted == '.';
		name.n--;
		form.n--;
	}
	/* A label that was compared so has to begin here, too. */
	if (name.n && !label_end) {
		if (name.p[name.n - 1] != '.')
			return false;
		name.n--;
	}
	fit->before = name;
	return true;
}

/* "http://minio.local:9000/", "*.ceph.lan:80", ".ceph.lan:80" -> "minio.local:9000", "ceph.lan:80"
 */
static struct slice pattern_name(const char *pattern, struct slice *port)
{
	const char *scheme = strstr(pattern, "://");
	const char *begin = scheme ? scheme + 3 : pattern;

	if (*begin == '*' && begin[1] == '.')
		begin++;
	if (*begin == '.')
		begin++;
	return before_port((struct slice){begin, strcspn(begin, "/")}, port);
}

/* Clients leave out the port that their scheme implies. */
static bool port_fits(struct slice port, struct slice wanted)
{
	if (!wanted.n || slice_is(port, wanted))
		return true;
	return !port.n && (slice_is(wanted, SLICE("80")) || slice_is(wanted, SLICE("443")));
}

/* Of several patterns that fit, the longest says where the bucket ends. */
static bool user_named(struct slice name, struct slice port, const struct s3_endpoints *endpoints,
		       struct slice *bucket)
{
	bool found = false;

	for (size_t i = 0; endpoints && i < endpoints->n; i++) {
		struct slice wanted;
		struct fit fit;
		struct slice form = pattern_name(endpoints->pattern[i], &wanted);

		if (!form.n || !port_fits(port, wanted) || !form_fits(name, form, &fit))
			continue;
		if (!found || fit.before.n < bucket->n)
			*bucket = fit.before;
		found = true;
	}
	return found;
}

static bool any_fits(struct slice name, const struct slice *forms, size_t n, struct fit *fit)
{
	for (size_t i = 0; i < n; i++)
		if (form_fits(name, forms[i], fit))
			return true;
	return false;
}

static bool table_named(struct slice name, enum s3_host_kind *kind, struct fit *fit)
{
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		if (!form_fits(name, domains[i], fit))
			continue;
		struct slice before = fit->before;
		for (size_t k = 0; k < sizeof(amazon) / sizeof(amazon[0]); k++) {
			*kind = amazon[k].kind;
			if (form_fits(before, amazon[k].form, fit))
				return true;
		}
	}
	*kind = S3_HOST_OBJECTS;
	return any_fits(name, providers, sizeof(providers) / sizeof(providers[0]), fit);
}

/* "BUCKET.s3.anything", "BUCKET.s3-anything.else": where people run their own.
 * The leftmost such label counts. In "minio.s3.svc.cluster.local" s3 is a
 * Kubernetes name space. */
static struct slice self_named(struct slice name)
{
	struct slice bucket = SLICE_NONE, next = SLICE_NONE;

	for (struct slice left = name; left.n;) {
		struct slice label = pop_label(&left);

		if (next.n && !slice_is_nocase(next, SLICE("svc")) &&
		    (slice_is_nocase(label, SLICE("s3")) || label_fits(label, SLICE("s3-*"))))
			bucket = left;
		next = label;
	}
	return bucket;
}

void s3_host_split(struct slice host, const struct s3_endpoints *endpoints, struct s3_host *out)
{
	struct slice port, bucket = SLICE_NONE;
	struct slice name = before_port(host, &port);
	struct fit fit;

	*out = (struct s3_host){.kind = S3_HOST_OBJECTS, .endpoint = host};
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (!name.n)
		return;
	out->name = name;
	out->known = table_named(name, &out->kind, &fit);
	out->provider = out->known ||
			any_fits(name, bilingual, sizeof(bilingual) / sizeof(bilingual[0]), &fit);
	if (out->provider) {
		bucket = fit.before;
		out->region = fit.region;
	}
	/* The user knows better where the bucket ends. */
	if (user_named(name, port, endpoints, &bucket)) {
		out->known = true;
	} else if (!out->provider) {
		bucket = self_named(name);
	}
	if (bucket.n && out->kind != S3_HOST_CONTROL) {
		out->bucket = bucket;
		out->endpoint = slice_from(host, bucket.n + 1);
	}
}
