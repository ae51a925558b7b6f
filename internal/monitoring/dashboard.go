package monitoring

// Panel is a graph on the dashboard: each of its queries in PromQL, by what the line is
// called.
type Panel struct {
	Title string
	Unit  string // in the words of Grafana
	Lines []Line
}

// Line is one or more lines of a graph.
type Line struct{ Legend, Expr string }

const (
	hits     = `sum(rate(gatehouse_cache_checks_total{job=~"$job",result="hit"}[5m]))`
	duration = `gatehouse_http_request_duration_seconds`
)

// Panels are what the dashboard shows, two in a row.
var Panels = []Panel{
	{"Checks", "ops", []Line{{"{{result}}", `sum by (result) (rate(gatehouse_cache_checks_total{job=~"$job"}[5m]))`}}},
	{"Checks that the cache answers", "percentunit", []Line{{"of all", hits + ` / sum(rate(gatehouse_cache_checks_total{job=~"$job"}[5m]))`}}},
	{"Duration of a check", "s", []Line{
		{"half are faster", `histogram_quantile(0.5, sum by (le) (rate(` + duration + `_bucket{job=~"$job",route="/v1/check"}[5m])))`},
		{"99 in 100 are faster", `histogram_quantile(0.99, sum by (le) (rate(` + duration + `_bucket{job=~"$job",route="/v1/check"}[5m])))`},
		{"99 in 100 of SpiceDB's answers", `histogram_quantile(0.99, sum by (le) (rate(gatehouse_cache_evaluation_seconds_bucket{job=~"$job"}[5m])))`},
	}},
	{"Why checks were computed", "ops", []Line{{"{{result}} {{reason}}", `sum by (result, reason) (rate(gatehouse_cache_checks_total{job=~"$job",result!="hit"}[5m]))`}}},
	{"Requests", "reqps", []Line{{"{{status}}", `sum by (status) (rate(` + duration + `_count{job=~"$job"}[5m]))`}}},
	{"Slowest routes: 99 in 100 are faster", "s", []Line{
		{"{{method}} {{route}}", `topk(8, histogram_quantile(0.99, sum by (method, route, le) (rate(` + duration + `_bucket{job=~"$job"}[5m]))))`},
	}},
	{"Requests in flight", "short", []Line{{"{{of}} on {{instance}}", `gatehouse_http_requests_in_flight{job=~"$job"}`}}},
	{"Requests refused", "reqps", []Line{{"{{limit}}", `sum by (limit) (rate(gatehouse_http_requests_refused_total{job=~"$job"}[5m]))`}}},
	{"Age of the proof that all changes were seen", "s", []Line{{"{{instance}}", `gatehouse_cache_evidence_age_seconds{job=~"$job"}`}}},
	{"The cache's writes", "ops", []Line{
		{"epochs begun anew: {{reach}}", `sum by (reach) (rate(gatehouse_cache_bumps_total{job=~"$job"}[5m]))`},
		{"writes that waited for leases", `sum(rate(gatehouse_cache_waited_out_total{job=~"$job"}[5m]))`},
		{"stale answers found", `sum(rate(gatehouse_cache_disagreements_total{job=~"$job"}[5m]))`},
	}},
	{"Parts that answer", "bool_yes_no", []Line{{"{{part}} for {{instance}}", `gatehouse_part_ready{job=~"$job"}`}}},
	{"Whose turn it is", "bool_yes_no", []Line{{"{{instance}}", `gatehouse_turn{job=~"$job"}`}}},
	{"Followers that stopped", "short", []Line{
		{"{{follower}} stopped", `sum by (follower) (increase(gatehouse_follower_stops_total{job=~"$job"}[5m]))`},
		{"{{follower}} lost changes", `sum by (follower) (increase(gatehouse_follower_gaps_total{job=~"$job"}[5m]))`},
	}},
	{"What waits too long", "s", []Line{
		{"role to be deleted", `max(gatehouse_role_ends_overdue_seconds{job=~"$job"})`},
		{"audit to be signed", `max(gatehouse_audit_digest_overdue_seconds{job=~"$job"})`},
		{"mail to be sent", `max(gatehouse_mails_oldest_pending_seconds{job=~"$job"})`},
	}},
	{"Mails", "short", []Line{{"{{kind}} {{outcome}}", `sum by (kind, outcome) (increase(gatehouse_mails_total{job=~"$job"}[5m]))`}}},
	{"Signing of the audit that failed", "short", []Line{{"{{instance}}", `increase(gatehouse_audit_seal_failures_total{job=~"$job"}[5m])`}}},
	{"Memory", "bytes", []Line{{"{{instance}}", `process_resident_memory_bytes{job=~"$job"}`}}},
	{"Processors in use", "short", []Line{{"{{instance}}", `rate(process_cpu_seconds_total{job=~"$job"}[5m])`}}},
	{"Goroutines", "short", []Line{{"{{instance}}", `go_goroutines{job=~"$job"}`}}},
	{"The certificate ends in", "s", []Line{{"{{instance}}", `gatehouse_tls_certificate_ends_timestamp_seconds{job=~"$job"} - time()`}}},
}
