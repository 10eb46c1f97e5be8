/* SPDX-License-Identifier: Apache-2.0 */
/* The targets file, as text, becomes a struct targets. */
#include "targets.h"

#include <ctype.h>
#include <stdio.h>

#include "draft.h"
#include "nearest.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct load {
	struct targets *targets;
	struct draft draft;
	struct text_arena arena;
	const char *(*reserved)(size_t i);
};

static int too_much(struct load *load, const yaml_node_t *node)
{
	return draft_complain(&load->draft, draft_line(node),
			      "this is more text than can be kept.");
}

static bool is_word(struct slice s, const char *word)
{
	return slice_is(s, (struct slice){word, strlen(word)});
}

/* The scalar as text of 1 to max bytes, of which only some may count; key names
 * it in messages. */
static int read_text(struct load *load, const yaml_node_t *node, const char *key, size_t max,
		     size_t count, const char **out)
{
	struct slice s = draft_scalar(node);

	if (!s.n || s.n > max)
		return draft_complain(&load->draft, draft_line(node),
				      "'%s' needs a text of 1 to %zu bytes.", key, max);
	s.n = s.n < count ? s.n : count;
	*out = text_clean(&load->arena, s);
	return load->arena.truncated ? too_much(load, node) : 0;
}

struct rule_draft {
	const yaml_node_t *type, *value;
};

struct target_draft {
	const yaml_node_t *id, *match, *labels, *mode;
	struct rule_draft flat;
};

struct file_draft {
	const yaml_node_t *targets;
};

static const struct draft_key rule_keys[] = {
	{"type", offsetof(struct rule_draft, type)},
	{"value", offsetof(struct rule_draft, value)},
};

static const struct draft_key target_keys[] = {
	{"id", offsetof(struct target_draft, id)},
	{"match", offsetof(struct target_draft, match)},
	{"match_type", offsetof(struct target_draft, flat.type)},
	{"match_value", offsetof(struct target_draft, flat.value)},
	{"labels", offsetof(struct target_draft, labels)},
	{"prom_labels", offsetof(struct target_draft, labels)},
	{"mode", offsetof(struct target_draft, mode)}, /* of older tools; nothing depends on it */
};

static const struct draft_key file_keys[] = {
	{"targets", offsetof(struct file_draft, targets)},
};

static const struct draft_key *rule_key(size_t i)
{
	return i < COUNT_OF(rule_keys) ? &rule_keys[i] : NULL;
}

static const char *rule_key_name(size_t i)
{
	return rule_key(i) ? rule_key(i)->name : NULL;
}

static const struct draft_key *target_key(size_t i)
{
	return i < COUNT_OF(target_keys) ? &target_keys[i] : NULL;
}

static const char *target_key_name(size_t i)
{
	return target_key(i) ? target_key(i)->name : NULL;
}

static const struct draft_key *file_key(size_t i)
{
	return i < COUNT_OF(file_keys) ? &file_keys[i] : NULL;
}

static const char *file_key_name(size_t i)
{
	return file_key(i) ? file_key(i)->name : NULL;
}

static const struct draft_schema rule_schema = {"a rule", rule_key, rule_key_name};
static const struct draft_schema target_schema = {"a target", target_key, target_key_name};
static const struct draft_schema file_schema = {"this file", file_key, file_key_name};

static const char *type_name(size_t i)
{
	return target_type_at(i) ? target_type_at(i)->name : NULL;
}

static const struct target_type *find_type(struct slice name)
{
	const struct target_type *type;

	for (size_t i = 0; (type = target_type_at(i)); i++)
		if (is_word(name, type->name))
			return type;
	return NULL;
}

static int read_rule(struct load *load, const struct rule_draft *draft, size_t line,
		     const char *prefix)
{
	struct target_rule *rule = &load->targets->rule[load->targets->n_rules];
	char near[200] = "", word[64], key[16];
	struct slice typed = draft_scalar(draft->type);
	int err;

	if (!draft->type || !draft->value)
		return draft_complain(&load->draft, line, "a rule needs '%stype' and '%svalue'.",
				      prefix, prefix);
	if (load->targets->n_rules == TARGETS_RULES_MAX)
		return draft_complain(&load->draft, line, "there are more than %u rules.",
				      TARGETS_RULES_MAX);
	rule->type = find_type(typed);
	if (!rule->type) {
		snprintf(word, sizeof(word), "%.*s", (int)(typed.n & 0xffff),
			 typed.p ? typed.p : "");
		nearest_suggest(word, type_name, "", near, sizeof(near));
		return draft_complain(&load->draft, draft_line(draft->type),
				      "'%stype' needs comm, exe_basename or cmdline_substring, "
				      "not '%s'%s",
				      prefix, word, *near ? near : ".");
	}
	snprintf(key, sizeof(key), "%svalue", prefix);
	err = read_text(load, draft->value, key, TARGET_VALUE_MAX, rule->type->max, &rule->value);
	load->targets->n_rules += !err;
	return err;
}

static int read_rule_map(struct load *load, const yaml_node_t *node)
{
	struct rule_draft draft = {0};
	int err = draft_read(&load->draft, node, &rule_schema, &draft);

	return err ? err : read_rule(load, &draft, draft_line(node), "");
}

/* A list of rules, or a single one. */
static int read_match(struct load *load, const yaml_node_t *node)
{
	int err = 0;

	if (node->type == YAML_MAPPING_NODE)
		return read_rule_map(load, node);
	if (node->type != YAML_SEQUENCE_NODE)
		return draft_complain(&load->draft, draft_line(node),
				      "'match' needs a list of rules.");
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     !err && item < node->data.sequence.items.top; item++)
		err = read_rule_map(load, draft_node(&load->draft, *item));
	return err;
}

/* [a-zA-Z_][a-zA-Z0-9_]*, and no name that a row uses itself. */
static int check_label(struct load *load, const yaml_node_t *node)
{
	struct slice name = draft_scalar(node);
	const char *taken;
	bool good = name.n > 0 && name.n <= LABEL_NAME_MAX && !isdigit((unsigned char)*name.p);

	for (size_t i = 0; good && i < name.n; i++)
		good = isalnum((unsigned char)name.p[i]) || name.p[i] == '_';
	if (!good)
		return draft_complain(
			&load->draft, draft_line(node),
			"the label '%.*s' needs a name of letters, digits and '_', no "
			"digit first, %u at most.",
			name.n < 40 ? (int)name.n : 40, name.p ? name.p : "", LABEL_NAME_MAX);
	for (size_t i = 0; load->reserved && (taken = load->reserved(i)); i++)
		if (is_word(name, taken))
			return draft_complain(&load->draft, draft_line(node),
					      "the label '%s' has the name of a field of each row: "
					      "choose another.",
					      taken);
	return 0;
}

static int read_label(struct load *load, const yaml_node_pair_t *pair, struct target *target)
{
	const yaml_node_t *name = draft_node(&load->draft, pair->key),
			  *value = draft_node(&load->draft, pair->value);
	struct label *label = &target->label[target->n_labels];
	int err = check_label(load, name);

	if (err)
		return err;
	if (target->n_labels == TARGET_LABELS_MAX)
		return draft_complain(&load->draft, draft_line(name),
				      "a target can have %u labels at most.", TARGET_LABELS_MAX);
	for (size_t i = 0; i < target->n_labels; i++)
		if (is_word(draft_scalar(name), target->label[i].name))
			return draft_complain(&load->draft, draft_line(name),
					      "the label '%s' is there twice.",
					      target->label[i].name);
	err = read_text(load, name, "labels", LABEL_NAME_MAX, SIZE_MAX, &label->name);
	if (!err)
		err = read_text(load, value, label->name, LABEL_VALUE_MAX, SIZE_MAX, &label->value);
	target->n_labels += !err;
	return err;
}

/* All labels as one text, for outputs that have no objects. */
static void join_labels(struct load *load, struct target *target)
{
	char all[TARGET_LABELS_MAX * (LABEL_NAME_MAX + 4 * LABEL_VALUE_MAX + 2) + 1];
	size_t used = 0;

	for (size_t i = 0; i < target->n_labels; i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s=%s", i ? ";" : "",
					 target->label[i].name, target->label[i].value);
	if (used >= load->arena.size - load->arena.used) {
		load->arena.truncated = true;
		return;
	}
	target->labels = memcpy(load->arena.buf + load->arena.used, all, used + 1);
	load->arena.used += used + 1;
}

static int read_labels(struct load *load, const yaml_node_t *node, struct target *target)
{
	int err = 0;

	if (node->type == YAML_SCALAR_NODE && !draft_scalar(node).n)
		return 0; /* "labels:" and nothing behind it */
	if (node->type != YAML_MAPPING_NODE)
		return draft_complain(&load->draft, draft_line(node),
				      "'labels' needs a list of 'name: value'.");
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     !err && pair < node->data.mapping.pairs.top; pair++)
		err = read_label(load, pair, target);
	if (!err && target->n_labels)
		join_labels(load, target);
	return !err && load->arena.truncated ? too_much(load, node) : err;
}

static int read_target(struct load *load, const yaml_node_t *node)
{
	struct targets *targets = load->targets;
	struct target *target = &targets->target[targets->n];
	struct target_draft draft = {0};
	int err;

	if (targets->n == TARGETS_MAX)
		return draft_complain(&load->draft, draft_line(node),
				      "there are more than %u targets.", TARGETS_MAX);
	err = draft_read(&load->draft, node, &target_schema, &draft);
	if (err)
		return err;
	if (!draft.id)
		return draft_complain(&load->draft, draft_line(node), "a target needs an 'id'.");
	memset(target, 0, sizeof(*target));
	target->first_rule = targets->n_rules;
	err = read_text(load, draft.id, "id", TARGET_ID_MAX, SIZE_MAX, &target->id);
	if (!err && draft.match)
		err = read_match(load, draft.match);
	if (!err && (draft.flat.type || draft.flat.value))
		err = read_rule(load, &draft.flat, draft_line(node), "match_");
	if (!err && draft.labels)
		err = read_labels(load, draft.labels, target);
	if (err)
		return err;
	target->n_rules = targets->n_rules - target->first_rule;
	if (!target->n_rules)
		return draft_complain(&load->draft, draft_line(node),
				      "the target '%s' has no rule in 'match'.", target->id);
	targets->n++;
	return 0;
}

static int read_document(struct load *load)
{
	const yaml_node_t *root = yaml_document_get_root_node(&load->draft.document), *list;
	struct file_draft draft = {0};
	int err;

	if (!root)
		return draft_complain(&load->draft, 1, "the key 'targets' is missing.");
	err = draft_read(&load->draft, root, &file_schema, &draft);
	if (err)
		return err;
	list = draft.targets;
	if (!list)
		return draft_complain(&load->draft, draft_line(root),
				      "the key 'targets' is missing.");
	if (list->type != YAML_SEQUENCE_NODE)
		return draft_complain(&load->draft, draft_line(list),
				      "'targets' needs a list of targets.");
	for (const yaml_node_item_t *item = list->data.sequence.items.start;
	     !err && item < list->data.sequence.items.top; item++)
		err = read_target(load, draft_node(&load->draft, *item));
	return err;
}

int targets_load(struct targets *targets, const char *name, struct slice file,
		 const char *(*reserved)(size_t i), char *message, size_t size)
{
	struct load load = {.targets = targets,
			    .draft = {.name = name, .message = message, .size = size},
			    .arena = {targets->text, sizeof(targets->text), 0, false},
			    .reserved = reserved};
	int err;

	targets->n = targets->n_rules = 0;
	if (file.n > TARGETS_FILE_MAX)
		return draft_complain(&load.draft, 1, "the file is longer than %u bytes.",
				      TARGETS_FILE_MAX);
	err = draft_open(&load.draft, file);
	if (err)
		return err;
	err = read_document(&load);
	draft_close(&load.draft);
	return err;
}
