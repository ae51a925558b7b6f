// Package monitoring says what to look at of a running server: the alerts for Prometheus
// and the dashboard for Grafana. The files in deploy are written from it.
package monitoring

import "time"

// Severities of alerts: somebody is to look at once, or on the next working day.
const (
	Critical = "critical"
	Warning  = "warning"
)

// Alert is a rule of Prometheus. What to do about it says docs/monitoring.md, under its name.
type Alert struct {
	Name     string
	Expr     string
	For      time.Duration
	Severity string
	Summary  string
}

// Alerts are all of them, the worst first. Prometheus adds job and instance to whatever
// it gathers, and makes up: the job is expected to be called gatehouse.
var Alerts = []Alert{
	{
		"GatehouseStaleAnswer", `increase(gatehouse_cache_disagreements_total[1h]) > 0`, 0, Critical,
		"{{ $labels.instance }} answered a check from the cache that SpiceDB contradicts",
	},
	{
		"GatehouseDown", `up{job="gatehouse"} == 0`, time.Minute, Critical,
		"{{ $labels.instance }} does not answer",
	},
	{
		"GatehouseSpiceDBUnreachable", `gatehouse_part_ready{part="spicedb"} == 0`, time.Minute, Critical,
		"{{ $labels.instance }} does not reach SpiceDB: nobody is allowed anything",
	},
	{
		"GatehouseDirectoryUnreachable", `gatehouse_part_ready{part="directory"} == 0`, time.Minute, Critical,
		"{{ $labels.instance }} does not reach the directory: nobody can sign in",
	},
	{
		"GatehouseErrors", `sum by (job) (rate(gatehouse_http_request_duration_seconds_count{status=~"5.."}[5m])) / sum by (job) (rate(gatehouse_http_request_duration_seconds_count[5m])) > 0.01`,
		5 * time.Minute, Critical,
		"{{ $value | humanizePercentage }} of the requests fail",
	},
	{
		"GatehouseChangesLost", `increase(gatehouse_follower_gaps_total[1h]) > 0`, 0, Critical,
		"{{ $labels.follower }} went on after changes that cannot be read any more",
	},
	{
		"GatehouseNobodyFollows", `sum by (job) (gatehouse_turn) < 1`, 2 * time.Minute, Critical,
		"no server does what follows from changes: no audit, no mails, no ends of roles",
	},
	{
		"GatehouseFollowerStops", `increase(gatehouse_follower_stops_total[10m]) > 5`, 5 * time.Minute, Warning,
		"{{ $labels.follower }} on {{ $labels.instance }} fails over and over",
	},
	{
		"GatehouseCacheBehind", `gatehouse_cache_evidence_age_seconds > 10 or gatehouse_cache_evidence_age_seconds < 0`, 2 * time.Minute, Warning,
		"{{ $labels.instance }} does not see changes in time: every check is computed",
	},
	{
		"GatehouseCacheUnreachable", `gatehouse_part_ready{part="cache"} == 0`, 2 * time.Minute, Warning,
		"{{ $labels.instance }} does not reach Redis: every check is computed",
	},
	{
		"GatehouseChecksSlow", `histogram_quantile(0.99, sum by (job, le) (rate(gatehouse_http_request_duration_seconds_bucket{route="/v1/check"}[5m]))) > 0.25`, 10 * time.Minute, Warning,
		"one check in a hundred takes longer than {{ $value | humanizeDuration }}",
	},
	{
		"GatehouseSheds", `sum by (job, limit) (rate(gatehouse_http_requests_refused_total{limit=~"max_.*"}[5m])) > 0.1`, 5 * time.Minute, Warning,
		"requests are turned away because {{ $labels.limit }} are being served",
	},
	{
		"GatehouseAuditUnsigned", `max by (job) (gatehouse_audit_digest_overdue_seconds) > 600 or max by (job) (increase(gatehouse_audit_seal_failures_total[30m])) > 3`, 5 * time.Minute, Warning,
		"records of the audit are not signed, or not where they should be",
	},
	{
		"GatehouseRolesNotSwept", `max by (job) (gatehouse_role_ends_overdue_seconds) > 300`, 5 * time.Minute, Warning,
		"a role ended {{ $value | humanizeDuration }} ago and is not deleted yet",
	},
	{
		"GatehouseMailsFailed", `sum by (job, kind) (increase(gatehouse_mails_total{outcome="failed"}[1h])) > 0`, 0, Warning,
		"mails of the kind {{ $labels.kind }} were given up",
	},
	{
		"GatehouseMailsWait", `max by (job) (gatehouse_mails_oldest_pending_seconds) > 1800`, 5 * time.Minute, Warning,
		"a mail has waited {{ $value | humanizeDuration }} to be sent",
	},
	{
		"GatehouseCertificateEnds", `gatehouse_tls_certificate_ends_timestamp_seconds - time() < 14 * 86400`, time.Hour, Warning,
		"the certificate of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}",
	},
}
