package daemon

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rekindle-io/rekindle/recover/run"
)

// metrics are what the daemon counts, for Prometheus.
type metrics struct {
	registry *prometheus.Registry
	runs     *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	notices  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rekindle_runs_total",
			Help: "Runs of this daemon that have ended."}, []string{"recipe", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "rekindle_run_duration_seconds",
			Help: "How long runs took that were done.", Buckets: prometheus.ExponentialBuckets(1, 2, 14)}, []string{"recipe"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rekindle_notices_total",
			Help: "What people were told."}, []string{"kind"}),
	}
	m.registry.MustRegister(m.runs, m.seconds, m.notices, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler(d *daemon) http.Handler {
	m.registry.MustRegister(&clusterMetrics{d})
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// ended counts a run.
func (m *metrics) ended(r run.Run) {
	m.runs.WithLabelValues(r.Recipe, string(r.Outcome)).Inc()
	if r.Outcome == run.Done {
		m.seconds.WithLabelValues(r.Recipe).Observe(r.Ended.Sub(r.Created).Seconds())
	}
}

// clusterMetrics tell how clusters stand when they are asked for.
type clusterMetrics struct{ d *daemon }

// Describe implements prometheus.Collector: what there is depends on what is
// declared.
func (*clusterMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *clusterMetrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(name, help string, labels []string, value float64, values ...string) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value, values...)
	}
	states := map[string]int{}
	clusters, err := m.d.Clusters(m.d.life)
	if err != nil {
		return
	}
	for _, c := range clusters {
		states[string(c.State)]++
		if c.Next != nil {
			gauge("rekindle_cluster_next_event_timestamp_seconds", "When the wanted state of a cluster changes.", []string{"cluster", "to"},
				float64(c.Next.At.UnixMilli())/1000, c.Name, string(c.Next.To))
		}
		if n := len(c.RTOs); n > 0 {
			gauge("rekindle_cluster_rto_seconds", "How long the last restore of a cluster took.", []string{"cluster"},
				(time.Duration(c.RTOs[n-1].TookMS) * time.Millisecond).Seconds(), c.Name)
		}
	}
	for state, n := range states {
		gauge("rekindle_clusters", "Clusters by what they are.", []string{"state"}, float64(n), state)
	}
}
