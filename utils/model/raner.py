"""The network: BERT, a linear layer and a CRF.

(RaNER: Wang et al. 2021, "Improving Named Entity Recognition by External Context Retrieving and Cooperative
Learning"; as published on ModelScope, without the retrieval.)
"""

from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from utils.model.crf import LinearChainCRF, sequence_losses
from utils.model.pruned_shape import narrow

IGNORED_LABEL = -100
"""Label of positions that carry none: [CLS], [SEP], padding, continuation pieces."""


def piece_limit(config: BertConfig) -> int:
    """Word pieces that the model reads at once, [CLS] and [SEP] not counted: its table of positions is no longer."""
    return config.max_position_embeddings - 2


class RanerModel(BertPreTrainedModel):
    """BertModel + linear + CRF; `config.id2label` names the tags.

    Emissions come out of `forward` as `logits`, `(batch, length, tags)`, [CLS] and [SEP] included.
    """

    config_class = BertConfig

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.crf = LinearChainCRF(config.num_labels)
        self.post_init()
        narrow(self.bert, config)

    @property
    def labels(self) -> list[str]:
        """The tags by number."""
        return [self.config.id2label[i] for i in range(self.config.num_labels)]

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> TokenClassifierOutput:
        """Emissions, and with `labels` the negative log-likelihood in nats per labelled character.

        Args:
            input_ids, attention_mask: `(batch, length)` int64.
            labels: `(batch, length)` int64, `IGNORED_LABEL` where a position carries none.
        """
        encoded = self.bert(
            input_ids,
            attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        emissions = self.classifier(self.dropout(encoded.last_hidden_state))
        loss = None if labels is None else self.sequence_losses(emissions, labels).sum() / (labels >= 0).sum().clamp(1)
        return TokenClassifierOutput(loss, emissions, encoded.hidden_states, encoded.attentions)

    def sequence_losses(self, emissions: Tensor, labels: Tensor) -> Tensor:
        """Negative CRF log-likelihood of each sentence, `(batch,)`, in nats."""
        return sequence_losses(self.crf, emissions, labels)
