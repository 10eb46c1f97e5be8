/* SPDX-License-Identifier: Apache-2.0 */
#include "draft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "nearest.h"

int draft_complain(struct draft *draft, size_t line, const char *format, ...)
{
	char what[320];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(draft->message, draft->size, "%s, line %zu: %s", draft->name, line, what);
	for (char *c = draft->message; draft->size && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return -EINVAL;
}

size_t draft_line(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

yaml_node_t *draft_node(struct draft *draft, int index)
{
	return yaml_document_get_node(&draft->document, index);
}

struct slice draft_scalar(const yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return SLICE_NONE;
	return (struct slice){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static bool is_word(struct slice s, const char *word)
{
	return slice_is(s, (struct slice){word, strlen(word)});
}

int draft_read(struct draft *draft, const yaml_node_t *node, const struct draft_schema *schema,
	       void *to)
{
	if (node->type != YAML_MAPPING_NODE)
		return draft_complain(draft, draft_line(node),
				      "%s has to be a list of 'key: value'.", schema->what);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = draft_node(draft, pair->key);
		const struct draft_key *key;
		const yaml_node_t **at;
		char typed[64], near[200] = "";

		snprintf(typed, sizeof(typed), "%.*s", (int)(draft_scalar(name).n & 0xffff),
			 draft_scalar(name).p ? draft_scalar(name).p : "");
		for (size_t i = 0; (key = schema->key(i)); i++)
			if (is_word(draft_scalar(name), key->name))
				break;
		if (!key) {
			nearest_suggest(typed, schema->name, "", near, sizeof(near));
			return draft_complain(draft, draft_line(name),
					      "there is no key '%s' in %s%s", typed, schema->what,
					      *near ? near : ".");
		}
		at = (const yaml_node_t **)(void *)((char *)to + key->offset);
		if (*at)
			return draft_complain(draft, draft_line(name),
					      "the key '%s' is there twice.", typed);
		*at = draft_node(draft, pair->value);
	}
	return 0;
}

int draft_open(struct draft *draft, struct slice text)
{
	yaml_parser_t parser;
	int err = 0;

	if (!yaml_parser_initialize(&parser)) {
		snprintf(draft->message, draft->size, "%s: out of memory", draft->name);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.n ? text.p : ""),
				     text.n);
	if (!yaml_parser_load(&parser, &draft->document))
		err = draft_complain(draft, parser.problem_mark.line + 1, "this is no YAML: %s.",
				     parser.problem ? parser.problem : "nobody knows why");
	yaml_parser_delete(&parser);
	return err;
}

void draft_close(struct draft *draft)
{
	yaml_document_delete(&draft->document);
}
