# SPDX-License-Identifier: Apache-2.0
# Turns the BPF text and its header tree into C strings. Files under
# probes/include/ become rows of embedded_headers[]; the others are joined, in
# the order given, into embedded_text - their includes of each other are then
# already satisfied and become comments.
function quote(line) {
	gsub(/\\/, "&&", line)
	gsub(/"/, "\\\"", line)
	return "\t\"" line "\\n\"\n"
}
FNR == 1 {
	tree = FILENAME ~ /^probes\/include\//
	if (tree) {
		name = FILENAME
		sub(/^probes\/include\//, "", name)
		names[++n] = name
	}
}
{
	if (tree)
		text[n] = text[n] quote($0)
	else if ($0 ~ /^#include "/)
		body = body quote("/* " substr($0, 2) " */")
	else
		body = body quote($0)
}
END {
	print "/* Made by probes/embed.awk. */"
	print "#include \"probes/headers.h\"\n"
	print "const char embedded_text[] =\n" body "\t;\n"
	print "const struct embedded_header embedded_headers[] = {"
	for (i = 1; i <= n; i++)
		print "\t{\"" names[i] "\",\n" text[i] "\t},"
	print "\t{0, 0},\n};"
}
