{{- define "artos-auth.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "artos-auth" $name) -}}{{- $name = printf "%s-artos-auth" $name -}}{{- end -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "artos-auth.selector" -}}
app.kubernetes.io/name: artos-auth
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "artos-auth.labels" -}}
{{ include "artos-auth.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{- define "artos-auth.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "artos-auth.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "artos-auth.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- /* The addresses come first: in TOML a key after a table belongs to the table. */ -}}
{{- define "artos-auth.config" -}}
{{- if not (trim .Values.config) -}}
{{- fail "`config` is empty; set it to the configuration file in TOML, with at least a [keys] table" -}}
{{- end -}}
{{- if regexMatch `(?m)^\s*(admin_)?listen\s*=` .Values.config -}}
{{- fail "`config` sets `listen` or `admin_listen`, which the chart sets; remove it, or change `ports`" -}}
{{- end -}}
listen = "0.0.0.0:{{ .Values.ports.http }}"
admin_listen = "0.0.0.0:{{ .Values.ports.admin }}"

{{ trim .Values.config }}
{{ end }}
